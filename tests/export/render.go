// Renders templates as Ollama does, with text/template of Go's own library: cases in, texts out, as JSON.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

type example struct {
	Template, System string
	Messages         []message
}

func main() {
	var cases []example
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	texts := []string{}
	for _, one := range cases {
		var text strings.Builder
		made := template.Must(template.New("").Option("missingkey=zero").Parse(one.Template))
		if err := made.Execute(&text, map[string]any{"System": one.System, "Messages": one.Messages}); err != nil {
			panic(err)
		}
		texts = append(texts, text.String())
	}
	json.NewEncoder(os.Stdout).Encode(texts)
}
