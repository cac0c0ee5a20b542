package api

import (
	"cmp"
	_ "embed"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// contract is the API's description: the server is made from it and serves it.
//
//go:embed openapi.yaml
var contract []byte

// spec is as much of the contract as the server and the docs page need.
type spec struct {
	operations []operation // by path and method

	Info struct {
		Title, Version, Description string
	}
	Tags  []struct{ Name, Description string }
	Paths map[string]struct {
		Parameters                    []specParameter
		Get, Post, Put, Patch, Delete *specOperation
	}
	Components struct {
		Parameters map[string]specParameter
		Schemas    specProperties
	}
}

type specOperation struct {
	OperationID string `yaml:"operationId"`
	Tags        []string
	Summary     string
	Description string
	Parameters  []specParameter
	Security    *[]map[string][]string
	RequestBody *struct {
		Required    bool
		Description string
		Content     specContent
	} `yaml:"requestBody"`
	Responses map[string]struct {
		Ref         string `yaml:"$ref"`
		Description string
		Content     specContent
	}
}

type specContent map[string]struct{ Schema specSchema }

type specParameter struct {
	Ref         string `yaml:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      specSchema
}

type specSchema struct {
	Ref         string `yaml:"$ref"`
	Type        string
	Format      string
	Description string
	Pattern     string
	Enum        []string
	Default     any
	Example     any
	Minimum     any
	Maximum     any
	MaxLength   any `yaml:"maxLength"`
	Required    []string
	Items       *specSchema
	AllOf       []specSchema `yaml:"allOf"`
	OneOf       []specSchema `yaml:"oneOf"`
	Properties  specProperties
	Additional  any `yaml:"additionalProperties"`
}

// specProperties keeps the order in which the contract names them.
type specProperties []specProperty

type specProperty struct {
	Name   string
	Schema specSchema
}

// UnmarshalYAML reads a mapping in its order.
func (p *specProperties) UnmarshalYAML(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		one := specProperty{Name: n.Content[i].Value}
		if err := n.Content[i+1].Decode(&one.Schema); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

// operation is one thing that can be asked, with the route that asks it.
type operation struct {
	ID, Method, Path string // Path as the contract has it
	Route            string // as the router has it
	Raw              bool   // served by a route of its own, not by the generated server
	Feed             bool   // raw, and server-sent events
	Body             bool   // a body is required
	Streamed         bool   // raw, and what it does goes on while the body comes: lines of text, and no one value
	Public           bool   // nobody has to be signed in
	Spec             *specOperation

	query map[string]readHow // the parameters behind the ?
}

// readHow tells how often a parameter may be given; zero is never.
type readHow int

const (
	readOnce readHow = iota + 1
	readOften
)

// queryOf lists the parameters that an operation takes behind the ?. All take
// after (API-2): what is answered from the present shows it without reading it.
func (s *spec) queryOf(o *specOperation) map[string]readHow {
	all := map[string]readHow{"after": readOnce}
	for _, p := range o.Parameters {
		switch p = s.parameter(p); {
		case p.In != "query":
		case p.Schema.Type == "array":
			all[p.Name] = readOften
		default:
			all[p.Name] = readOnce
		}
	}
	return all
}

// readContract reads the contract once: all servers of a process share it.
var readContract = sync.OnceValues(func() (*spec, error) { return readSpec(contract) })

// readSpec reads the contract and lists its operations by path and method.
func readSpec(text []byte) (*spec, error) {
	var s spec
	if err := yaml.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("api: openapi.yaml: %w", err)
	}
	for path, item := range s.Paths {
		for method, o := range map[string]*specOperation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
			http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if o == nil {
				continue
			}
			o.Parameters = append(slices.Clone(item.Parameters), o.Parameters...)
			s.operations = append(s.operations, operation{
				ID: o.OperationID, Method: method, Path: path, Route: braces.ReplaceAllString(path, ":$1"),
				Raw:      slices.Contains(o.Tags, "feed") || slices.Contains(o.Tags, "raw"),
				Feed:     slices.Contains(o.Tags, "feed"),
				Body:     o.RequestBody != nil && o.RequestBody.Required,
				Streamed: o.RequestBody != nil && o.RequestBody.Content["application/json"].Schema.Type == "string",
				Public:   o.Security != nil && len(*o.Security) == 0, Spec: o, query: s.queryOf(o),
			})
		}
	}
	slices.SortFunc(s.operations, func(a, b operation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return &s, nil
}

// braces are the path's parameters.
var braces = regexp.MustCompile(`\{([^}]+)\}`)
