package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"parley/eventstore"
)

// LineID names the line of CON-3's key: who (a contact's or visitor's id, or a
// sender's address), where (widget, number or page) and the thread. It is an HMAC
// under the store's secret, so that the name of a stream tells nothing of a
// person.
func LineID(keys eventstore.Keys, identity, place, thread string) (string, error) {
	secret, err := keys.Secret("lines")
	if err != nil {
		return "", err
	}
	if thread == "" {
		thread = "main"
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join([]string{identity, place, thread}, "\x00")))
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}
