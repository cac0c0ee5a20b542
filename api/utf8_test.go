package api

import "testing"

func TestAFieldThatIsNoUTF8IsNamed(t *testing.T) {
	for body, want := range map[string]string{
		"{\"text\":\"\xff\"}":                           "text",
		"{\"a\":{\"b\":[1,{}]},\"text\":\"\xff\"}":      "text",
		"{\"a\":[{\"x\":1},{\"x\":[\"\",\"\xc3\"]}]}":   "a.1.x.1",
		"{\"a\":[[],[1,2],\"\xed\xa0\x80\"],\"b\":2}":   "a.2",
		"{\"a\":1,\"b\xff\":2}":                         "b\uFFFD",
		"{\"ü\":\"\uFFFD\",\"list\":{\"text\":\"\x80\"": "list.text",
		"[\"a\",\"\xff\"]":                              "1",
		"\"\xff\"":                                      "",
		"{\"a\":\xff}":                                  "",
		"{\"a\" \xff":                                   "",
	} {
		if got := fieldAt([]byte(body), notUTF8([]byte(body))); got != want {
			t.Errorf("%q: %q instead of %q", body, got, want)
		}
	}
}
