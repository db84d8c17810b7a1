// The size of an image from its file's own header: PNG, JPEG, GIF and WebP, in base64.
import { isText, typeName } from "./values.mjs";

// The header is within so many base64 characters but for JPEGs with long metadata, which are decoded whole.
const HEAD = 64 * 1024;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...ALPHABET].map((mark, value) => [mark, value]));
const CUT = "the image's header is cut off", BROKEN = "the image's header is broken";

/** Says in one short sentence why a file's size cannot be read. */
export class MediaError extends Error {}

/** The size of an image given as base64 or as a data URL. @param {any} data @returns {[number, number]} */
export function imageSize(data) {
  const head = decoded(data, HEAD);
  try {
    return size(head);
  } catch (error) {
    const whole = error instanceof RangeError ? decoded(data) : head;
    if (error instanceof RangeError && whole.length > head.length) {
      try {
        return size(whole);
      } catch (again) {
        if (!(again instanceof RangeError)) throw again;
      }
    }
    throw error instanceof RangeError ? new MediaError(CUT) : error;
  }
}

/** The bytes of a file in base64, of `most` characters at most. @param {any} data @param {number} [most] */
export function decoded(data, most) {
  if (!isText(data)) throw new MediaError(`a file in base64 is expected here, not ${typeName(data)}`);
  const start = data.startsWith("data:") ? data.slice(0, 200).indexOf(",") + 1 : 0;
  const end = most === undefined ? data.length : start + most;
  let text = data.slice(start, end).replaceAll("-", "+").replaceAll("_", "/").replace(/[=\r\n ]+$/, "");
  if (text.length % 4 === 1) text = text.slice(0, -1);
  const lenient = text.includes("\n");
  if (/[^\x00-\x7f]/.test(text) || (!lenient && !/^[A-Za-z0-9+/]*={0,2}$/.test(text))) throw notBase64();
  return bytesOf(text + "=".repeat((4 - text.length % 4) % 4));
}

const notBase64 = () => new MediaError("the file is not valid base64");

// What is no base64 is passed over: it is here only where lines are broken.
function bytesOf(/** @type {string} */ text) {
  const found = new Uint8Array(Math.ceil(text.length * 3 / 4));
  let bits = 0, quad = 0, pads = 0, size = 0;
  for (const mark of text) {
    if (mark === "=") {
      if (quad >= 2 && quad + ++pads >= 4) return found.subarray(0, size);
      continue;
    }
    const value = VALUES.get(mark);
    if (value === undefined) continue;
    pads = 0;
    bits = (bits << 6 | value) & 0xffffff;
    if (quad) found[size++] = bits >> (6 - 2 * quad);
    quad = quad + 1 & 3;
  }
  if (quad) throw notBase64();
  return found.subarray(0, size);
}

/** @param {Uint8Array} data @returns {[number, number]} */
function size(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const begins = (/** @type {string} */ text, at = 0) =>
    [...text].every((mark, i) => data[at + i] === mark.charCodeAt(0));
  const found = begins("\x89PNG\r\n\x1a\n") ? [view.getUint32(16), view.getUint32(20)]
    : begins("GIF87a") || begins("GIF89a") ? [view.getUint16(6, true), view.getUint16(8, true)]
    : begins("\xff\xd8") ? jpeg(view)
    : begins("RIFF") && begins("WEBP", 8) ? webp(view, begins) : null;
  if (!found) throw new MediaError("the file is no PNG, JPEG, GIF or WebP image");
  const [width, height] = found;
  if (width && height) return [width, height];
  throw new MediaError(`the image's header gives ${width} x ${height} pixels`);
}

/** ITU-T T.81, table B.1. @param {DataView} view */
function jpeg(view) {
  for (let place = 2;;) {
    if (view.getUint8(place) !== 0xff) throw new MediaError(BROKEN);
    const marker = view.getUint8(place + 1);
    if (marker === 0xff) place += 1;
    else if (marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) place += 2;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [view.getUint16(place + 7), view.getUint16(place + 5)];
    } else if (marker === 0xda) throw new MediaError("the image's header gives no size");
    else {
      const length = view.getUint16(place + 2);
      if (length < 2) throw new MediaError(BROKEN);
      place += 2 + length;
    }
  }
}

/** RFC 9649: a simple lossy, a simple lossless or an extended file. @param {DataView} view @param {any} begins */
function webp(view, begins) {
  if (begins("VP8 ", 12)) return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (begins("VP8L", 12)) {
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, (bits >>> 14 & 0x3fff) + 1];
  }
  const three = (/** @type {number} */ at) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16) + 1;
  if (begins("VP8X", 12)) return [three(24), three(27)];
  if (view.byteLength < 16) throw new RangeError(CUT);
  throw new MediaError("the WebP image begins with an unknown chunk");
}
