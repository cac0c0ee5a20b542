package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"parley/domain"
	"parley/eventstore"
)

func sharedKeys(t *testing.T, dir string) *SharedKeys {
	t.Helper()
	k, err := OpenSharedKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// TestSharedKeysAreTheSameForAll lets several make and read keys of the same
// subjects at once: each subject has one key, whoever asked first.
func TestSharedKeysAreTheSameForAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	const sides, subjects = 4, 50
	var got [sides][subjects][]byte
	var all sync.WaitGroup
	for side := range sides {
		k := sharedKeys(t, dir)
		all.Go(func() {
			for n := range subjects {
				b, err := k.Key(fmt.Sprintf("visitor-%d", n), true)
				if err != nil {
					t.Error(err)
					return
				}
				got[side][n] = b
				if secret, err := k.Secret("tokens"); err != nil || len(secret) != keySize {
					t.Errorf("%x, %v", secret, err)
				}
			}
		})
	}
	all.Wait()
	for side := range sides {
		for n := range subjects {
			if !bytes.Equal(got[side][n], got[0][n]) || len(got[0][n]) != keySize {
				t.Fatalf("side %d has another key of visitor-%d", side, n)
			}
		}
	}
	// The folder's own file, as one process alone reads it.
	alone := openKeys(t, Options{Dir: filepath.Join(t.TempDir(), "empty")})
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	one := &Keys{name: filepath.Join(dir, keysFile), slots: map[string]*place{}}
	k := sharedKeys(t, dir)
	one.file = k.file
	if fresh, err := one.load(); err != nil || fresh || int(one.count) != subjects+1 {
		t.Errorf("%d slots, %v", one.count, err)
	}
}

// TestADestroyedKeyIsGoneForAll destroys on one side what the other has in use.
func TestADestroyedKeyIsGoneForAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	here, there := sharedKeys(t, dir), sharedKeys(t, dir)
	codec := &eventstore.Codec{Keys: there}
	sealed, err := codec.Seal("visitor-1", "Lena")
	if err != nil {
		t.Fatal(err)
	}
	other, err := codec.Seal("visitor-2", "Ben")
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Destroy("visitor-1"); err != nil {
		t.Fatal(err)
	}
	if text := codec.Unseal("visitor-1", sealed); text != domain.Erased {
		t.Errorf("the other side still reads %q", text)
	}
	if text := codec.Unseal("visitor-2", other); text != "Ben" {
		t.Errorf("somebody else reads %q", text)
	}
	if _, err := codec.Seal("visitor-1", "again"); !errors.Is(err, eventstore.ErrErased) {
		t.Errorf("something is sealed again: %v", err)
	}
	for _, k := range []*SharedKeys{here, there} {
		if _, err := k.Key("visitor-1", true); !errors.Is(err, eventstore.ErrNoKey) {
			t.Errorf("a key was made again: %v", err)
		}
		if err := k.Destroy("visitor-never"); err != nil {
			t.Error(err)
		}
	}
	if _, err := there.Key("visitor-never", true); !errors.Is(err, eventstore.ErrNoKey) {
		t.Errorf("a key was made for who was erased before: %v", err)
	}
	if again := sharedKeys(t, dir); again.count != 3 {
		t.Errorf("%d slots are in use", again.count)
	}
}

// TestSharedKeysKeepOthersOut: whoever shares keeps out who wants the folder for
// itself, in the same process too, and whoever of them closes it.
func TestSharedKeysKeepOthersOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	refused := func(what string) {
		t.Helper()
		if k, err := OpenKeys(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: opened for itself: %v", what, err)
			if err == nil {
				_ = k.Close()
			}
		}
	}
	one, two := sharedKeys(t, dir), sharedKeys(t, dir)
	refused("two share")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	refused("one still shares")
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	alone := openKeys(t, Options{Dir: dir})
	for range 2 { // being refused changes nothing
		if _, err := OpenSharedKeys(dir); !errors.Is(err, ErrLocked) {
			t.Errorf("shared with one who has it for itself: %v", err)
		}
		refused("one has it for itself")
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSharedKeysThatAreCutOffAreNamed takes the last slots away, whoever wrote
// them and whatever others wrote since.
func TestSharedKeysThatAreCutOffAreNamed(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, here, there *SharedKeys) (cut int64){
		"closed by who wrote it": func(t *testing.T, here, _ *SharedKeys) int64 {
			sharedKey(t, here, "visitor-9")
			closed(t, here)
			return 1
		},
		"closed by another": func(t *testing.T, here, there *SharedKeys) int64 {
			sharedKey(t, here, "visitor-9")
			closed(t, there)
			return 1
		},
		"by one who knows fewer": func(t *testing.T, here, there *SharedKeys) int64 {
			for n := range 5 {
				sharedKey(t, here, fmt.Sprintf("visitor-1%d", n))
			}
			if err := there.Destroy("visitor-1"); err != nil {
				t.Fatal(err)
			}
			return 2 // the last may have been written a moment ago
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			here, there := sharedKeys(t, dir), sharedKeys(t, dir)
			sharedKey(t, here, "visitor-1")
			sharedKey(t, there, "visitor-1")
			cut := leave(t, here, there)
			left := filepath.Join(t.TempDir(), "keys") // as a kill of both leaves it
			if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(left, keysFile)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-cut*slotSize); err != nil {
				t.Fatal(err)
			}
			var d *eventstore.DamageError
			if _, err := OpenSharedKeys(left); !errors.As(err, &d) {
				t.Errorf("shared: %v", err)
			}
			if _, err := OpenKeys(Options{Dir: left}); !errors.As(err, &d) {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

// TestASlotThatNoWriterLeavesIsNamed puts one behind those that a process knows:
// it makes no key from then on, and says why.
func TestASlotThatNoWriterLeavesIsNamed(t *testing.T) {
	bad := (&slot{state: slotAlive, subject: "visitor-2"}).encode()
	bad[slotKey] ^= 1
	good := (&slot{state: slotAlive, subject: "visitor-2"}).encode()
	for name, put := range map[string][]byte{
		"one bit is wrong":    bad,
		"a header":            header(1).encode(),
		"a subject again":     (&slot{state: slotAlive, subject: "visitor-1"}).encode(),
		"nothing, then a key": append(make([]byte, slotSize), good...),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			k, err := OpenSharedKeys(dir)
			if err != nil {
				t.Fatal(err)
			}
			before := sharedKey(t, k, "visitor-1")
			f, err := os.OpenFile(filepath.Join(dir, keysFile), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Write(put)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			var d *eventstore.DamageError
			for _, subject := range []string{"visitor-3", "visitor-2"} {
				if _, err := k.Key(subject, true); !errors.As(err, &d) {
					t.Errorf("a key of %s: %v", subject, err)
				}
			}
			if again := sharedKey(t, k, "visitor-1"); !bytes.Equal(again, before) {
				t.Error("what was there is not any more")
			}
			if err := k.Close(); !errors.As(err, &d) {
				t.Errorf("closing says %v", err)
			}
			if info, err := os.Stat(filepath.Join(dir, keysFile)); err != nil || info.Size() != 2*slotSize+int64(len(put)) {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

func sharedKey(t *testing.T, k *SharedKeys, subject string) []byte {
	t.Helper()
	b, err := k.Key(subject, true)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closed(t *testing.T, k *SharedKeys) {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}
