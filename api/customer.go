package api

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/domain"
	"parley/domain/workstream"
)

// VerifyCustomer verifies a token that a customer's own site signed (SUM-10)
// with one of a workstream's keys, and tells which contact the customer is.
type VerifyCustomer func(ctx context.Context, keys []workstream.Key, token string) (contact string, err error)

// errCustomerToken refuses a customer's token without telling why in detail:
// the site that signed it knows, and nobody else should.
var errCustomerToken = &domain.Error{
	Code: "customer_token_invalid", Field: "customerToken", Rule: "SUM-10",
	Message: "the customer's token is malformed, expired, or not signed by a key of the workstream: ask the site for a new one",
}

// maxCustomerToken bounds what is parsed.
const maxCustomerToken = 8 << 10

// clockLeeway is how far the clocks of a site and of Parley may be apart.
const clockLeeway = 30 * time.Second

// VerifyCustomerToken is how customers' tokens are verified: a JWT signed with
// RS256, ES256 or EdDSA by the key its kid names, with that key's own
// algorithm and no other, an end, and the contact as its subject.
func VerifyCustomerToken(now func() time.Time) VerifyCustomer {
	return func(_ context.Context, keys []workstream.Key, token string) (string, error) {
		if len(token) > maxCustomerToken {
			return "", errCustomerToken
		}
		var claims jwt.RegisteredClaims
		_, err := jwt.ParseWithClaims(token, &claims,
			func(t *jwt.Token) (any, error) { return customerKey(keys, t) },
			jwt.WithValidMethods([]string{"RS256", "ES256", "EdDSA"}), jwt.WithExpirationRequired(),
			jwt.WithLeeway(clockLeeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding())
		if err != nil || !domain.ValidID(claims.Subject) {
			return "", errCustomerToken
		}
		return claims.Subject, nil
	}
}

// customerKey finds the key that a token says it was signed with.
func customerKey(keys []workstream.Key, t *jwt.Token) (any, error) {
	kid, ok := t.Header["kid"].(string)
	if !ok {
		return nil, errors.New("no kid")
	}
	for _, k := range keys {
		if k.ID != kid || k.Algorithm != t.Method.Alg() {
			continue
		}
		return publicKey(k)
	}
	return nil, errors.New("unknown kid")
}

// publicKey reads a key of a workstream.
func publicKey(k workstream.Key) (crypto.PublicKey, error) {
	text := []byte(k.PEM)
	switch k.Algorithm {
	case "RS256":
		return jwt.ParseRSAPublicKeyFromPEM(text)
	case "ES256":
		return jwt.ParseECPublicKeyFromPEM(text)
	case "EdDSA":
		key, err := jwt.ParseEdPublicKeyFromPEM(text)
		if err != nil {
			return nil, err
		}
		if _, ok := key.(ed25519.PublicKey); !ok {
			return nil, errors.New("no Ed25519 key")
		}
		return key, nil
	}
	return nil, errors.New("unknown algorithm")
}
