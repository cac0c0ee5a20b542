package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFolderThatLostAPartIsRefusedAndNothingIsMade(t *testing.T) {
	for _, c := range []struct {
		name  string
		there []string
		says  string // empty: it is taken
	}{
		{"nothing is there", nil, ""},
		{"all is there", []string{"log", "keys", "views"}, ""},
		{"the views were deleted", []string{"log", "keys"}, ""},
		{"a first start was cut off", []string{"log"}, ""},
		{"the log is gone", []string{"keys", "views"}, "bring back"},
		{"the keys are gone", []string{"log", "views"}, "bring back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &config{data: t.TempDir()}
			for _, part := range c.there {
				if err := os.Mkdir(filepath.Join(cfg.data, part), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			err := cfg.whole()
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if left, err := os.ReadDir(cfg.data); err != nil || len(left) != len(c.there) {
				t.Errorf("the folder holds %v afterwards (%v)", left, err)
			}
		})
	}
}
