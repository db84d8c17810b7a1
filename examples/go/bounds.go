package main

import (
	"fmt"
	"math"
	"strings"
)

// Line is a bound on linear sums from From to less than To, which is 0 where the file has null: no limit.
type Line struct{ Confidence, Factor, Offset, From, To float64 }

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
