package eventstore

import (
	"container/list"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"parley/domain"
)

// sealed marks text that is sealed, and how: the first way.
const sealed = "p1:"

// maxCiphers bounds the ciphers kept at hand, some 2 KiB each: 64 MiB at most.
const maxCiphers = 32_768

// ErrErased refuses to record text of a person whose data were erased.
var ErrErased = &domain.Error{Code: "erased", Rule: "AUD-4", Message: "the person's data were erased for good: nothing more is recorded about them, begin anew with a new visitor or contact"}

// ciphers keeps a bounded number of ciphers, the last used ones.
type ciphers struct {
	mu      sync.Mutex
	byOwner map[string]*list.Element
	order   list.List // of *ownedCipher, the last used first
	forgets uint64    // counts forget, so that a key read before it is not kept after it
	others  uint64    // of keys that others may destroy: how many were, when last looked
}

// sharedKeys are keys that another process may destroy.
type sharedKeys interface {
	Destroyed() (uint64, error)
}

// heed forgets all ciphers when another process has destroyed a key.
func (c *ciphers) heed(keys Keys) error {
	shared, ok := keys.(sharedKeys)
	if !ok {
		return nil
	}
	gone, err := shared.Destroyed()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone != c.others {
		c.others = gone
		c.forgets++
		c.byOwner = nil
		c.order.Init()
	}
	return nil
}

type ownedCipher struct {
	subject string
	aead    cipher.AEAD
}

// get gives the cipher of a subject. A missing key is ErrNoKey.
func (c *ciphers) get(keys Keys, subject string, create bool) (cipher.AEAD, error) {
	if err := c.heed(keys); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if at, ok := c.byOwner[subject]; ok {
		c.order.MoveToFront(at)
		c.mu.Unlock()
		return at.Value.(*ownedCipher).aead, nil
	}
	forgets := c.forgets
	c.mu.Unlock()

	if keys == nil {
		return nil, errors.New("eventstore: there is no key store, so personal text cannot be sealed or read")
	}
	key, err := keys.Key(subject, create)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, &DamageError{Where: "the key of " + subject, What: err.Error()}
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byOwner[subject]; ok || c.forgets != forgets {
		return aead, nil
	}
	if c.byOwner == nil {
		c.byOwner = map[string]*list.Element{}
	}
	c.byOwner[subject] = c.order.PushFront(&ownedCipher{subject, aead})
	if c.order.Len() > maxCiphers {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byOwner, last.Value.(*ownedCipher).subject)
	}
	return aead, nil
}

// gone tells how often a key was forgotten, here or because another process
// destroyed one.
func (c *ciphers) gone(keys Keys) (uint64, error) {
	if err := c.heed(keys); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgets, nil
}

func (c *ciphers) forget(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	if at, ok := c.byOwner[subject]; ok {
		c.order.Remove(at)
		delete(c.byOwner, subject)
	}
}

// Forget drops what the codec knows of a subject's key. Whoever destroys a key
// calls it afterwards, so that no text is sealed or read with it any more.
func (c *Codec) Forget(subject string) { c.ciphers.forget(subject) }

// Gone is another number each time that a subject's key was destroyed, by this
// process or another: who keeps text in the clear for a while keeps the number as
// well, read before the text was, and drops both when it is no longer the same.
func (c *Codec) Gone() (uint64, error) { return c.ciphers.gone(c.Keys) }

// Seal makes personal text unreadable but for the subject's key. Empty text
// stays empty, and text already sealed with this key stays as it is, so that
// an event may be made from one that was read sealed. The text of an erased
// subject is refused with ErrErased.
func (c *Codec) Seal(subject string, p domain.Personal) (domain.Personal, error) {
	if p == "" {
		return p, nil
	}
	if subject == "" {
		return "", errors.New("eventstore: personal text without a subject whose key could seal it")
	}
	aead, err := c.ciphers.get(c.Keys, subject, true)
	if errors.Is(err, ErrNoKey) {
		return "", ErrErased
	}
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(string(p), sealed) {
		if _, err := open(aead, subject, p); err == nil {
			return p, nil
		}
	}
	box := make([]byte, aead.NonceSize(), aead.NonceSize()+len(p)+aead.Overhead())
	if _, err := rand.Read(box); err != nil {
		return "", fmt.Errorf("eventstore: no randomness to seal with: %w", err)
	}
	box = aead.Seal(box, box, []byte(p), []byte(subject))
	text := make([]byte, len(sealed)+base64.StdEncoding.EncodedLen(len(box)))
	copy(text, sealed)
	base64.StdEncoding.Encode(text[len(sealed):], box)
	return domain.Personal(text), nil
}

// Unseal reads sealed text: Erased when the key is gone. Text that was never
// sealed is given as it is, and so is sealed text that cannot be opened for
// any other reason: it is not erased, and saying so would be a lie.
func (c *Codec) Unseal(subject string, p domain.Personal) domain.Personal {
	clear, err := c.unseal(subject, p)
	if err != nil {
		return p
	}
	return clear
}

// unseal is Unseal that tells why it could not.
func (c *Codec) unseal(subject string, p domain.Personal) (domain.Personal, error) {
	if !strings.HasPrefix(string(p), sealed) {
		return p, nil
	}
	aead, err := c.ciphers.get(c.Keys, subject, false)
	if errors.Is(err, ErrNoKey) {
		return domain.Erased, nil
	}
	if err != nil {
		return "", err
	}
	return open(aead, subject, p)
}

func open(aead cipher.AEAD, subject string, p domain.Personal) (domain.Personal, error) {
	box, err := base64.StdEncoding.DecodeString(string(p[len(sealed):]))
	if err != nil || len(box) < aead.NonceSize() {
		return "", &DamageError{Where: "a sealed text of " + subject, What: "it is cut or changed"}
	}
	clear, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], []byte(subject))
	if err != nil {
		return "", &DamageError{Where: "a sealed text of " + subject, What: "it was sealed with another key or changed"}
	}
	return domain.Personal(clear), nil
}
