// Estimates tokens from a model_coefs.json, as docs/contract.md defines it. How to run it: ../README.md.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 && len(arguments) != 2 {
		return errors.New("give model_coefs.json and golden_vectors.json, or model_coefs.json and a text on stdin")
	}
	model, err := load(arguments[0])
	if err != nil {
		return err
	}
	if len(arguments) == 2 {
		return model.verify(arguments[1])
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	said, err := model.say(text)
	if err != nil {
		return err
	}
	bound, tokens := "none", said.ByteBound
	if within, known := said.Upper["0.95"]; said.InDomain {
		tokens = map[bool]*float64{true: &within}[known]
	}
	if tokens != nil {
		bound = fmt.Sprintf("%.0f", *tokens)
	}
	fmt.Printf("%.0f %s\n", said.Estimate, bound)
	return nil
}

// verify compares what the model says with its golden vectors, to the last bit.
func (m *Model) verify(path string) error {
	var golden struct {
		Vectors []struct {
			Name  string
			Text  []byte `json:"text_base64"`
			Times int
			Said
		}
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &golden)
	}
	if err != nil {
		return err
	}
	agreed := 0
	for _, vector := range golden.Vectors {
		said, err := m.say(bytes.Repeat(vector.Text, vector.Times))
		if err != nil {
			return err
		}
		if reflect.DeepEqual(said, vector.Said) {
			agreed++
		} else {
			fmt.Fprintln(os.Stderr, "differs:", vector.Name)
		}
	}
	fmt.Println(agreed, "vectors agree")
	if agreed == 0 || agreed < len(golden.Vectors) {
		return errors.New("the model and its golden vectors differ")
	}
	return nil
}
