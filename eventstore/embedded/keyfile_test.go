package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

func openKeys(t *testing.T, o Options) *Keys {
	t.Helper()
	k, err := OpenKeys(o)
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

func key(t *testing.T, k *Keys, subject string) []byte {
	t.Helper()
	b, err := k.Key(subject, true)
	if err != nil || len(b) != 32 || bytes.Equal(b, make([]byte, 32)) {
		t.Fatalf("key of %s: %x, %v", subject, b, err)
	}
	return b
}

func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "keys")
	k := openKeys(t, Options{Dir: dir})
	if _, err := k.Key("visitor-1", false); !errors.Is(err, eventstore.ErrNoKey) {
		t.Fatalf("a key that was never made: %v", err)
	}
	one, two := key(t, k, "visitor-1"), key(t, k, "visitor-2")
	if bytes.Equal(one, two) || !bytes.Equal(one, key(t, k, "visitor-1")) {
		t.Fatal("each subject has one key of its own")
	}
	secret, err := k.Secret("hmac")
	if err != nil || len(secret) != 32 {
		t.Fatal(err)
	}
	for range 2 {
		for _, subject := range []string{"visitor-2", "visitor-never"} {
			if err := k.Destroy(subject); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Key("visitor-1", false); !errors.Is(err, eventstore.ErrClosed) {
		t.Fatalf("a key after closing: %v", err)
	}
	k = openKeys(t, Options{Dir: dir})
	if again, err := k.Key("visitor-1", false); err != nil || !bytes.Equal(one, again) {
		t.Fatalf("the key is %x, was %x, %v", again, one, err)
	}
	if again, err := k.Secret("hmac"); err != nil || !bytes.Equal(secret, again) {
		t.Fatalf("the secret is %x, was %x, %v", again, secret, err)
	}
	for _, subject := range []string{"visitor-2", "visitor-never"} {
		if _, err := k.Key(subject, true); !errors.Is(err, eventstore.ErrNoKey) {
			t.Fatalf("%s has a key again: %v", subject, err)
		}
	}
	file, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil || bytes.Contains(file, two) || !bytes.Contains(file, one) {
		t.Fatalf("a destroyed key must be gone from the file, and only that: %v", err)
	}
	for name, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, keysFile): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
	if _, err := OpenKeys(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second opener gets %v", err)
	}
}

// crashKeys makes and destroys keys from several sides until the disk is cut
// off, and looks at what was acknowledged.
func crashKeys(seed uint64, percent int, unsynced bool) error {
	disk := vfs.NewCrashableMem()
	k, err := OpenKeys(Options{Dir: "data/keys", FS: disk, unsynced: unsynced})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	alive, destroyed := map[string][]byte{}, map[string]bool{}
	random := rand.New(rand.NewPCG(seed, 1))
	stop := 1 + random.IntN(150)
	crash := make(chan struct{})
	var crashed *vfs.MemFS
	var acknowledged, gone map[string][]byte
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-crash:
					return
				default:
				}
				subject := fmt.Sprintf("visitor-%d-%d", w, n)
				b, err := k.Key(subject, true)
				if err != nil {
					return
				}
				mu.Lock()
				alive[subject] = b
				full := len(alive)+len(destroyed) >= stop
				if full && crashed == nil {
					acknowledged, gone = map[string][]byte{}, map[string][]byte{}
					for s, b := range alive {
						acknowledged[s] = b
					}
					for s := range destroyed {
						gone[s] = nil
					}
					crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})
					close(crash)
				}
				mu.Unlock()
				if n%3 == 0 {
					mu.Lock()
					delete(alive, subject)
					mu.Unlock()
					if k.Destroy(subject) != nil {
						return
					}
					mu.Lock()
					destroyed[subject] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if err := k.Close(); err != nil {
		return err
	}
	for range 2 { // a second crash right after opening changes nothing
		k, err := OpenKeys(Options{Dir: "data/keys", FS: crashed})
		if err != nil {
			return err
		}
		for subject, want := range acknowledged {
			if got, err := k.Key(subject, false); err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("the key of %s is %x, was %x: %v", subject, got, want, err)
			}
		}
		for subject := range gone {
			if _, err := k.Key(subject, true); !errors.Is(err, eventstore.ErrNoKey) {
				return fmt.Errorf("%s was destroyed and has a key: %v", subject, err)
			}
		}
		if _, err := k.Key("visitor-after", true); err != nil {
			return err
		}
		next := crashed.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})
		if err := k.Close(); err != nil {
			return err
		}
		crashed = next
	}
	return nil
}

func TestKeysSurviveCrashes(t *testing.T) {
	for seed := range crashSeeds(t) {
		for _, percent := range []int{0, 50} {
			if err := crashKeys(seed, percent, false); err != nil {
				t.Fatalf("seed %d, %d%% of what was not synced kept: %v", seed, percent, err)
			}
		}
	}
}

func TestKeysCrashTestSeesAMissingSync(t *testing.T) {
	if err := crashKeys(1, 0, true); err == nil {
		t.Fatal("without a sync the crash test must fail")
	}
}

func TestKeysDamage(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	name := filepath.Join(dir, keysFile)
	k := openKeys(t, Options{Dir: dir})
	for n := range 10 {
		key(t, k, fmt.Sprintf("visitor-%d", n))
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 7 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		expectKeysDamage(t, dir, bad, fmt.Sprintf("a flipped bit in byte %d", at))
	}
	zeroed := bytes.Clone(good)
	clear(zeroed[3*slotSize : 4*slotSize])
	expectKeysDamage(t, dir, zeroed, "an acknowledged slot that is empty")
	expectKeysDamage(t, dir, good[:5*slotSize], "a file cut off")
	twice := bytes.Clone(good)
	copy(twice[4*slotSize:], good[3*slotSize:4*slotSize])
	expectKeysDamage(t, dir, twice, "a subject twice")
	torn := append(bytes.Clone(good), make([]byte, slotSize/2)...)
	if err := os.WriteFile(name, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	key(t, openKeys(t, Options{Dir: dir}), "visitor-new")
}

func expectKeysDamage(t *testing.T, dir string, file []byte, what string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, keysFile), file, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := OpenKeys(Options{Dir: dir})
	var d *eventstore.DamageError
	if !errors.As(err, &d) {
		t.Errorf("%s: %v", what, err)
	}
	if err == nil {
		_ = k.Close()
	}
	after, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil || !bytes.Equal(after, file) {
		t.Errorf("%s: the damaged file was changed (%v)", what, err)
	}
}

// TestKeysStopAfterAFailedWrite lets the disk fail: no key is given out that
// may not be on disk, and what was there before can still be read.
func TestKeysStopAfterAFailedWrite(t *testing.T) {
	var failing atomic.Bool
	mem := vfs.NewMem()
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind == errorfs.OpFileSyncData {
			return errorfs.ErrInjected
		}
		return nil
	}))
	k := openKeys(t, Options{Dir: "keys", FS: disk})
	one := key(t, k, "visitor-1")
	if err := k.Stopped(); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	for range 2 {
		for _, subject := range []string{"visitor-2", "visitor-3"} {
			if b, err := k.Key(subject, true); err == nil {
				t.Fatalf("%s got the key %x", subject, b)
			}
		}
	}
	if err := k.Stopped(); !errors.Is(err, eventstore.ErrStopped) {
		t.Fatalf("it says that it stopped by %v", err)
	}
	if _, err := k.Key("visitor-2", false); err == nil {
		t.Fatal("a key that may not be on disk was given out")
	}
	if b, err := k.Key("visitor-1", false); err != nil || !bytes.Equal(b, one) {
		t.Fatalf("an earlier key: %x, %v", b, err)
	}
	if err := k.Destroy("visitor-1"); err == nil {
		t.Fatal("a destruction was acknowledged that may not be on disk")
	}
	if err := k.Destroy("visitor-1"); err == nil {
		t.Fatal("repeated, it was acknowledged")
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	again := openKeys(t, Options{Dir: "keys", FS: mem})
	if err := again.Destroy("visitor-1"); err != nil {
		t.Fatal(err)
	}
	key(t, again, "visitor-3")
}

// TestAKeyOutlivesZerosThatFailed lets the disk have no room for zeros, once: the
// key that came then is not lost to those that come later.
func TestAKeyOutlivesZerosThatFailed(t *testing.T) {
	var failing atomic.Bool
	mem := vfs.NewMem()
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt && op.Offset > 0 && failing.CompareAndSwap(true, false) {
			return errorfs.ErrInjected
		}
		return nil
	}))
	k, err := OpenKeys(Options{Dir: "keys", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	first := key(t, k, "visitor-1")
	if failing.Load() {
		t.Fatal("nothing failed")
	}
	second := key(t, k, "visitor-2")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	again := openKeys(t, Options{Dir: "keys", FS: mem})
	for name, want := range map[string][]byte{"visitor-1": first, "visitor-2": second} {
		if got, err := again.Key(name, false); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v; it was %x", name, got, err, want)
		}
	}
}

// TestAKeyFileCutOffIsKnownForIt: also when nothing but the last key is lost.
func TestAKeyFileCutOffIsKnownForIt(t *testing.T) {
	dir := t.TempDir()
	k, err := OpenKeys(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if _, err := k.Key(fmt.Sprint("visitor-", n), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, keysFile)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const used = (1 + 5) * slotSize // what is behind is nobody's yet
	if len(whole) <= used || !zero(whole[used:]) {
		t.Fatalf("the file has %d bytes, and behind byte %d not only zeros", len(whole), used)
	}
	for _, cut := range []int{used - 1, used - slotSize/2, used - slotSize, 2*slotSize + 3} {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var damage *eventstore.DamageError
		if k, err := OpenKeys(Options{Dir: dir}); !errors.As(err, &damage) {
			t.Fatalf("cut off at %d of %d it opens: %v, %v", cut, len(whole), k, err)
		}
	}
}

// TestASlotPassedOverIsPassedOverForGood: of two keys that were written together,
// neither acknowledged, a crash left the second only.
func TestASlotPassedOverIsPassedOverForGood(t *testing.T) {
	dir := t.TempDir()
	k, err := OpenKeys(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]byte{}
	for _, subject := range []string{"visitor-1", "visitor-2", "visitor-3"} {
		kept[subject] = key(t, k, subject)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, keysFile)
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copy(file, header(1).encode())
	clear(file[2*slotSize : 3*slotSize])
	delete(kept, "visitor-2")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for n := range 3 { // what is acknowledged from now on counts it in
		k, err := OpenKeys(Options{Dir: dir})
		if err != nil {
			t.Fatalf("opened %d times: %v", n, err)
		}
		for subject, want := range kept {
			if got, err := k.Key(subject, false); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %x, %v; it was %x", subject, got, err, want)
			}
		}
		subject := fmt.Sprint("visitor-after-", n)
		kept[subject] = key(t, k, subject)
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAKeyThatWasReadIsOnTheDisk: whoever made it was killed before it was, and
// the power fails once it was given out.
func TestAKeyThatWasReadIsOnTheDisk(t *testing.T) {
	disk := vfs.NewCrashableMem()
	killed, err := OpenKeys(Options{Dir: "keys", FS: disk, unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	want := key(t, killed, "visitor-1")
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	k := openKeys(t, Options{Dir: "keys", FS: disk})
	if got, err := k.Key("visitor-1", false); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("it is %x, %v; it was %x", got, err, want)
	}
	after := openKeys(t, Options{Dir: "keys", FS: disk.CrashClone(vfs.CrashCloneCfg{})})
	if got, err := after.Key("visitor-1", false); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after the power failed it is %x, %v; it was %x", got, err, want)
	}
}

// TestTheHeaderCountsOnlyWhatIsOnTheDisk: a key that came while another was being
// written is not among those that must be good, until it is written itself.
func TestTheHeaderCountsOnlyWhatIsOnTheDisk(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var k *Keys
	var left *vfs.MemFS
	var second chan error
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case k == nil:
		case op.Kind == errorfs.OpFileSyncData && second == nil:
			second = make(chan error, 1)
			go func() { _, err := k.Key("visitor-2", true); second <- err }()
			for waits := false; !waits; {
				k.mu.Lock()
				waits = len(k.waiting) == 1
				k.mu.Unlock()
				runtime.Gosched()
			}
		case op.Kind == errorfs.OpFileWriteAt && op.Offset == 2*slotSize:
			left = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
		}
		return nil
	}))
	opened, err := OpenKeys(Options{Dir: "keys", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	k = opened
	key(t, k, "visitor-1")
	if err := errors.Join(<-second, k.Close()); err != nil {
		t.Fatal(err)
	}
	if left == nil {
		t.Fatal("nothing was written for the second")
	}
	openKeys(t, Options{Dir: "keys", FS: left})
}

// TestWhoWaitsWhileKeysAreClosedGetsNoOther closes the keys while somebody writes one
// that others wait for: each gets the key that is on the disk, or none.
func TestWhoWaitsWhileKeysAreClosedGetsNoOther(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			mem, goOn := vfs.NewMem(), make(chan struct{})
			syncs := 0
			disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == errorfs.OpFileSyncData {
					if syncs++; syncs < 3 { // of the first key, and of those who came meanwhile
						<-goOn
					}
				}
				return nil
			}))
			k, err := OpenKeys(Options{Dir: "keys", FS: disk})
			if err != nil {
				t.Fatal(err)
			}
			type given struct {
				subject string
				key     []byte
				err     error
			}
			got := make(chan given, 8)
			ask := func(subject string) {
				go func() {
					b, err := k.Key(subject, true)
					got <- given{subject, b, err}
				}()
				synctest.Wait()
			}
			ask("visitor-1")
			ask("visitor-2") // waits for its turn to write
			ask("visitor-3") // and will be written with it
			goOn <- struct{}{}
			synctest.Wait()
			ended := make(chan error, 1)
			go func() { ended <- k.Close() }()
			synctest.Wait()
			ask("visitor-2")
			ask("visitor-3")
			close(goOn)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			after, err := OpenKeys(Options{Dir: "keys", FS: mem})
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				g := <-got
				if errors.Is(g.err, eventstore.ErrClosed) {
					continue
				}
				if kept, err := after.Key(g.subject, false); g.err != nil || err != nil || !bytes.Equal(g.key, kept) {
					t.Errorf("%s was given %x, %v; on the disk is %x, %v", g.subject, g.key, g.err, kept, err)
				}
			}
			if err := after.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
