package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Model is what a model_coefs.json says.
type Model struct {
	FeatureSet []string `json:"feature_set"`
	Upper      []Line   `json:"upper_bound"`
	Lower      []Line   `json:"lower_bound"`
	Domain     map[string][2]float64
	Tables     map[string]*Table
	weights    map[string]any // the whole file again: w0, and w_<feature>
}

// Line is a bound on linear sums from From to less than To, which is 0 where the file has null: no limit.
type Line struct{ Confidence, Factor, Offset, From, To float64 }

// Said is what a model says of a text, as golden_vectors.json has it.
type Said struct {
	Features  map[string]float64
	LinearSum float64 `json:"linear_sum"`
	Estimate  float64
	Upper     map[string]float64 `json:"upper_bound"`
	Lower     map[string]float64 `json:"lower_bound"`
	InDomain  bool               `json:"in_domain"`
}

func load(path string) (model *Model, err error) {
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &model)
	}
	if err == nil {
		err = json.Unmarshal(raw, &model.weights)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, table := range model.Tables {
		if err = table.load(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return model, nil
}

func (m *Model) say(text []byte) (said Said, err error) {
	said.Features = basicCounts(text)
	for name, table := range m.Tables {
		said.Features[name] = table.cost(text)
	}
	sum, found := m.weights["w0"].(float64)
	for _, name := range m.FeatureSet {
		weight, weighed := m.weights["w_"+name].(float64)
		value, known := said.Features[name]
		sum += float64(weight * value) // float64: Go may fuse a product and a sum otherwise
		found = found && weighed && known
	}
	if !found {
		return said, errors.New("a weight is missing, or is for a feature that no text gives")
	}
	said.LinearSum, said.Estimate = sum, math.Max(0, math.Floor(sum+0.5))
	said.Upper = bounds(m.Upper, sum, math.Ceil)
	said.Lower = bounds(m.Lower, sum, func(bound float64) float64 { return math.Max(0, math.Floor(bound)) })
	said.InDomain = m.inDomain(said.Features)
	return said, nil
}

func bounds(lines []Line, sum float64, round func(float64) float64) map[string]float64 {
	found, x := map[string]float64{}, math.Max(0, sum)
	for _, line := range lines {
		if line.From <= x && (x < line.To || line.To == 0) {
			found[fmt.Sprint(line.Confidence)] = round(float64(x*line.Factor) + line.Offset)
		}
	}
	return found
}

func (m *Model) inDomain(features map[string]float64) bool {
	for name, seen := range m.Domain {
		above, below, isRatio := strings.Cut(name, "/")
		value, known := features[above]
		if divisor, alsoKnown := features[below]; isRatio {
			value, known = value/divisor, known && alsoKnown // by 0 it is no number, or infinite: outside
		}
		if known && !(seen[0]*0.9 <= value && value <= seen[1]*1.1) {
			return false
		}
	}
	return true
}
