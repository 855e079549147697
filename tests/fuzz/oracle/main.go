// Renders templates by Go's engine with sprig, a JSON object a line, for comparison.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"

	"oracle/model"
)

type request struct {
	Source string
	Data   map[string][]byte
	Strict bool
}

type answer struct {
	Output []byte
	Error  string
}

// limited takes four mebibytes.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > 4<<20 {
		return 0, fmt.Errorf("too much")
	}
	return l.Buffer.Write(b)
}

func render(r request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprint("panic: ", p)}
		}
	}()
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	t := template.New("t").Funcs(functions)
	var dot any
	if r.Strict {
		t = t.Option("missingkey=error")
		values := map[string]string{}
		for k, v := range r.Data {
			values[k] = string(v)
		}
		dot = values
	} else {
		values := map[string]model.SecretTemplateOptions{}
		for k, v := range r.Data {
			values[k] = model.SecretTemplateOptions{Value: string(v), SecretPath: "/app"}
		}
		dot = values
	}
	parsed, err := t.Parse(r.Source)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var out limited
	if err := parsed.Execute(&out, dot); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Output: out.Bytes()}
}

func main() {
	time.Local = time.UTC
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line, _ := json.Marshal(render(r))
		out.Write(append(line, '\n'))
		out.Flush()
	}
}
