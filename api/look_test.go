package api

import (
	"reflect"
	"slices"
	"testing"

	"parley/domain/conversation"
)

// TestWhatIsLookedAtIsNotShared: conversationOf copies a state where it lies, so
// whatever a copy shares with it is cleared or copied there. A field that is new
// here belongs into conversationOf, and then into this list.
func TestWhatIsLookedAtIsNotShared(t *testing.T) {
	var shared []string
	var walk func(at string, of reflect.Type)
	walk = func(at string, of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			switch f.Type.Kind() {
			case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
				shared = append(shared, at+f.Name)
			case reflect.Struct:
				if f.Type.PkgPath() != "time" {
					walk(at+f.Name+".", f.Type)
				}
			}
		}
	}
	walk("", reflect.TypeFor[conversation.Conversation]())
	if want := []string{"Declines", "Unseen", "Skills", "Overflows", "Offer", "Participants", "Recent.Older", "Recent.Newer", "Variables"}; !slices.Equal(shared, want) {
		t.Errorf("a conversation's copy shares %v, conversationOf sees to %v", shared, want)
	}
}
