// Renders templates by Go's engine with sprig, a JSON object a line, for comparison.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"

	"oracle/model"
)

type request struct {
	Source  string
	Sources []string
	Data    map[string][]byte
}

type answer struct {
	Output      []byte
	Error       string
	Nanoseconds int64
}

func dot(r request) map[string]model.SecretTemplateOptions {
	values := map[string]model.SecretTemplateOptions{}
	for k, v := range r.Data {
		values[k] = model.SecretTemplateOptions{Value: string(v), SecretPath: "/app"}
	}
	return values
}

// measure times what the operators do: the functions are registered once, a template is read and run once an entry.
func measure(r request) answer {
	functions := functions()
	data := dot(r)
	times := []time.Duration{}
	for range 101 {
		begin := time.Now()
		for _, source := range r.Sources {
			parsed, err := template.New("t").Funcs(functions).Parse(source)
			if err != nil {
				return answer{Error: err.Error()}
			}
			var out bytes.Buffer
			if err := parsed.Execute(&out, data); err != nil {
				return answer{Error: err.Error()}
			}
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return answer{Nanoseconds: times[len(times)/2].Nanoseconds()}
}

func functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	return functions
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
	parsed, err := template.New("t").Funcs(functions()).Parse(r.Source)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var out limited
	if err := parsed.Execute(&out, dot(r)); err != nil {
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
		var a answer
		if r.Sources != nil {
			a = measure(r)
		} else {
			a = render(r)
		}
		line, _ := json.Marshal(a)
		out.Write(append(line, '\n'))
		out.Flush()
	}
}
