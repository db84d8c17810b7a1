package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"os"
	"path/filepath"
)

// basicCounts returns the text's bytes, runes, words and lines.
func basicCounts(text []byte) map[string]float64 {
	runes, lines := 0, 0
	for _, b := range text {
		if b&0xC0 != 0x80 {
			runes++
		}
	}
	if len(text) > 0 {
		lines = 1 + bytes.Count(text, []byte("\n"))
	}
	words := len(bytes.Fields(text)) // unicode.IsSpace is the contract's white space
	return map[string]float64{
		"bytes": float64(len(text)), "runes": float64(runes), "words": float64(words), "lines": float64(lines),
	}
}

// Table is an entry of a model's tables, and the n-gram table that it names.
type Table struct {
	File, Sha256, Fold string
	Multiplier         uint32
	UnitExponent       int `json:"unit_exponent"`
	Tables             []struct {
		Order, Bits int
		Weights     []byte // encoding/json decodes base64
	}
	Known *struct{ Pairs, Threes []byte } `json:"known_ngrams"`
}

func (t *Table) load(folder string) error {
	raw, err := os.ReadFile(filepath.Join(folder, t.File))
	if err == nil && fmt.Sprintf("%x", sha256.Sum256(raw)) != t.Sha256 {
		err = fmt.Errorf("%s: not the model's table", t.File)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, t)
}

// add returns the key after one more byte: the last four, folded.
func (t *Table) add(key uint32, b byte) uint32 {
	if t.Fold == "digits" && '0' <= b && b <= '9' {
		b = '0'
	}
	return key<<8 | uint32(b)
}

// rare returns how many pairs and threes of bytes of a text the table's training hardly held.
func (t *Table) rare(text []byte) (found float64) {
	unknown := func(known []byte, i uint32) float64 { return float64(^known[i/8] >> (i % 8) & 1) }
	key, shift := uint32(0x0A0A0A0A), 33-bits.Len(uint(8*len(t.Known.Threes)))
	for _, b := range text {
		key = t.add(key, b)
		found += unknown(t.Known.Pairs, key&0xFFFF) + unknown(t.Known.Threes, (key&0xFFFFFF)*t.Multiplier>>shift)
	}
	return found
}

// cost returns what a text costs under the table, in tokens.
func (t *Table) cost(text []byte) float64 {
	key, units := uint32(0x0A0A0A0A), 0 // line feeds stand before the text
	for _, b := range text {
		key = t.add(key, b)
		for _, part := range t.Tables {
			gram := key & (math.MaxUint32 >> (32 - 8*part.Order))
			place := (gram * t.Multiplier) >> (32 - part.Bits) * 2 // two bytes per weight, the low one first
			units += int(int16(uint16(part.Weights[place]) | uint16(part.Weights[place+1])<<8))
		}
	}
	return math.Ldexp(float64(units), -t.UnitExponent)
}
