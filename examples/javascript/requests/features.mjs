// The kinds of text in a request and its counts, each with the part of the total that its tokens belong to.

const kinds = (/** @type {Record<string, string>} */ parts) => Object.fromEntries(
  Object.entries(parts).flatMap(([part, names]) => names.split(" ").map((name) => [name, part.replace("_", " ")])));

export const TEXT_KINDS = kinds({
  system: "system",
  messages: "user assistant thinking",
  tools: "tool_schema tool_words tool_signature tool_name tool_description output_schema",
  tool_calls: "tool_call_name tool_call",
  tool_results: "tool_result",
  documents: "document",
});

export const COUNTS = kinds({
  framing: "requests systems user_messages assistant_messages text_blocks message_names thinking_on thinking_adaptive"
    + " thinking_off",
  tools: "tools_on tools_with_system tools tool_descriptions tool_properties tool_property_descriptions"
    + " tool_enum_values tool_objects tool_choice_any tool_choice_one tool_choice_none output_schemas json_objects",
  tool_calls: "tool_calls tool_call_turns tool_call_arguments",
  tool_results: "tool_results tool_result_turns",
  messages: "hidden_reasoning hidden_reasoning_bytes",
  images: "images image_tokens",
  documents: "documents citations_on",
});

// The parts of a total, in the order in which they are shown.
export const PARTS =
  ["system", "messages", "tools", "tool calls", "tool results", "images", "documents", "framing"];

const PLAIN = "requests systems user_messages assistant_messages text_blocks thinking_off".split(" ");

/** What a request holds: images, documents, tools, options (a schema, thinking), or plain text. */
export function kindOf(/** @type {Record<string, number>} */ counts) {
  if (counts.images) return "images";
  if (counts.documents) return "documents";
  if (counts.tools || counts.tool_calls || counts.tool_results) return "tools";
  return Object.keys(counts).every((name) => PLAIN.includes(name)) ? "plain" : "options";
}
