package api

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/domain/workstream"
)

func pemOf(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestSUM10_OnlyTheSitesKeysProveACustomer(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []workstream.Key{
		{ID: "r", Algorithm: "RS256", PEM: pemOf(t, r.Public())},
		{ID: "e", Algorithm: "ES256", PEM: pemOf(t, e.Public())},
		{ID: "d", Algorithm: "EdDSA", PEM: pemOf(t, public)},
		{ID: "broken", Algorithm: "EdDSA", PEM: "no key"},
	}
	now := time.Now()
	verify := VerifyCustomerToken(func() time.Time { return now })
	good := jwt.MapClaims{"sub": "c-1", "exp": now.Add(time.Hour).Unix()}
	sign := func(method jwt.SigningMethod, kid any, claims jwt.MapClaims, key any) string {
		token := jwt.NewWithClaims(method, claims)
		if kid != nil {
			token.Header["kid"] = kid
		}
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, c := range []struct {
		name, token string
		ok          bool
	}{
		{"RS256", sign(jwt.SigningMethodRS256, "r", good, r), true},
		{"ES256", sign(jwt.SigningMethodES256, "e", good, e), true},
		{"EdDSA", sign(jwt.SigningMethodEdDSA, "d", good, ed), true},
		{"unsigned", sign(jwt.SigningMethodNone, "d", good, jwt.UnsafeAllowNoneSignatureType), false},
		{"an HMAC with the public key", sign(jwt.SigningMethodHS256, "r", good, []byte(keys[0].PEM)), false},
		{"another algorithm of the same key", sign(jwt.SigningMethodPS256, "r", good, r), false},
		{"another RSA length", sign(jwt.SigningMethodRS512, "r", good, r), false},
		{"a key of another algorithm", sign(jwt.SigningMethodES256, "r", good, e), false},
		{"somebody else's key", sign(jwt.SigningMethodEdDSA, "d", good, foreign), false},
		{"no kid", sign(jwt.SigningMethodEdDSA, nil, good, ed), false},
		{"an unknown kid", sign(jwt.SigningMethodEdDSA, "x", good, ed), false},
		{"a kid that is no text", sign(jwt.SigningMethodEdDSA, 7, good, ed), false},
		{"a broken key", sign(jwt.SigningMethodEdDSA, "broken", good, ed), false},
		{"no end", sign(jwt.SigningMethodEdDSA, "d", jwt.MapClaims{"sub": "c-1"}, ed), false},
		{"over", sign(jwt.SigningMethodEdDSA, "d", jwt.MapClaims{"sub": "c-1", "exp": now.Add(-time.Minute).Unix()}, ed), false},
		{"not yet", sign(jwt.SigningMethodEdDSA, "d", jwt.MapClaims{"sub": "c-1", "exp": now.Add(time.Hour).Unix(), "nbf": now.Add(time.Minute).Unix()}, ed), false},
		{"no subject", sign(jwt.SigningMethodEdDSA, "d", jwt.MapClaims{"exp": now.Add(time.Hour).Unix()}, ed), false},
		{"a subject that is no id", sign(jwt.SigningMethodEdDSA, "d", jwt.MapClaims{"sub": "c 1", "exp": now.Add(time.Hour).Unix()}, ed), false},
		{"no token", "x", false},
		{"far too long", strings.Repeat("x", maxCustomerToken+1), false},
	} {
		contact, err := verify(t.Context(), keys, c.token)
		switch {
		case c.ok && (err != nil || contact != "c-1"):
			t.Errorf("%s: %q %v", c.name, contact, err)
		case !c.ok && (!errors.Is(err, errCustomerToken) || contact != ""):
			t.Errorf("%s is refused, not %q %v", c.name, contact, err)
		}
	}
}
