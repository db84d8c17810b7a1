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
	ByteBound  *struct{ Factor, Offset float64 } `json:"byte_bound"`
	Tables     map[string]*Table
	weights    map[string]any // the whole file again: w0, and w_<feature>
}

// Said is what a model says of a text, as golden_vectors.json has it.
type Said struct {
	Features  map[string]float64
	LinearSum float64 `json:"linear_sum"`
	Estimate  float64
	Upper     map[string]float64 `json:"upper_bound"`
	Lower     map[string]float64 `json:"lower_bound"`
	ByteBound *float64           `json:"byte_bound"`
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
		if table.Known != nil {
			said.Features["rare_"+strings.TrimPrefix(name, "ngram_")] = table.rare(text)
		}
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
	if most := m.ByteBound; most != nil {
		tokens := math.Ceil(float64(float64(len(text))*most.Factor) + most.Offset)
		said.ByteBound = &tokens
	}
	said.LinearSum, said.Estimate = sum, math.Max(0, math.Floor(sum+0.5))
	said.Upper = bounds(m.Upper, sum, math.Ceil)
	said.Lower = bounds(m.Lower, sum, func(bound float64) float64 { return math.Max(0, math.Floor(bound)) })
	said.InDomain = m.inDomain(said.Features)
	return said, nil
}
