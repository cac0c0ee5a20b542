package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/policy"
	"parley/eventstore"
)

// The crash campaign: the whole engine but HTTP runs on a disk in memory;
// several sides ask it for anything at once, and at any moment the machine
// stops. What had not been synced is kept in part or not at all. Then it is
// opened again, and must have kept its word.

// campaign is one seed of it, over several crashes.
type campaign struct {
	seed     uint64
	name     string // of the test
	percent  int    // of what was not synced at a crash, so much is kept
	views    string
	policies []domain.Policy
	faults   *faults
	forGood  float64 // so many commands fail for good
	careless bool    // erasures are answered before they are done
	lazy     bool    // the disk leaves syncs out: to see that it would be noticed
	asleep   atomic.Bool
	crashed  atomic.Bool // the machine has stopped: the views see no more
	crashes  int
	acks     int // at most between two crashes

	erasures []*erasure // under the witness

	ahead   atomic.Int64 // of the clock
	random  *rand.Rand   // of the campaign itself, not of those who ask
	witness *witness
	town    *town
	turn    int
	asked   atomic.Int64
}

func newCampaign(t *testing.T, seed uint64) *campaign {
	t.Helper()
	return &campaign{
		seed: seed, name: strings.ReplaceAll(t.Name(), "/", "-"), percent: []int{0, 0, 10, 50, 90, 100}[seed%6], views: t.TempDir(), policies: policy.All(), crashes: 2, acks: 250,
		random: rand.New(rand.NewPCG(seed, 1)), witness: newWitness(), town: newTown(),
	}
}

func (c *campaign) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// run crashes and opens again, and looks each time.
func (c *campaign) run(ctx context.Context) error {
	disk := vfs.NewCrashableMem()
	for crash := range c.crashes {
		next, err := c.life(ctx, disk)
		if err != nil {
			return fmt.Errorf("life %d: %w", crash+1, err)
		}
		disk = next
	}
	c.witness.begin(0, nil)
	l, err := c.open(ctx, disk)
	if err != nil {
		return fmt.Errorf("opening after the last crash: %w", err)
	}
	return errors.Join(c.recover(ctx, l), l.stop(), c.leave(disk))
}

// leave puts what is left where PARLEY_KEEP says, of one seed in fifty, so that
// the program itself can look at it.
func (c *campaign) leave(disk vfs.FS) error {
	keep := os.Getenv("PARLEY_KEEP")
	if keep == "" || c.seed%50 != 1 {
		return nil
	}
	to := filepath.Join(keep, fmt.Sprintf("%s-%d", c.name, c.seed))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, part := range []string{"log", "keys"} {
		if _, err := vfs.Clone(disk, vfs.Default, "data/"+part, filepath.Join(to, part)); err != nil {
			return err
		}
	}
	return nil
}

// life opens what the last crash left, looks at it, and goes on until the
// next one.
func (c *campaign) life(ctx context.Context, disk *vfs.MemFS) (crashed *vfs.MemFS, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.witness.begin(0, nil)
	l, err := c.open(ctx, disk)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	if err := c.recover(ctx, l); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	c.asleep.Store(c.lazy)
	defer c.asleep.Store(false)
	c.witness.begin(1+c.random.IntN(c.acks), func() {
		c.crashed.Store(true)
		crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: rand.New(rand.NewPCG(c.seed, uint64(c.turn)))})
	})
	c.traffic(ctx, l)
	if err := l.stop(); err != nil {
		return nil, err
	}
	if crashed == nil {
		return nil, errors.New("nothing was acknowledged any more before the crash")
	}
	return crashed, nil
}

// traffic lets several sides ask until the witness has seen enough.
func (c *campaign) traffic(ctx context.Context, l *life) {
	c.turn++
	var wg sync.WaitGroup
	for side := range 4 {
		who := &asker{campaign: c, life: l, random: rand.New(rand.NewPCG(c.seed, uint64(100*c.turn+side)))}
		wg.Go(func() {
			for ctx.Err() == nil && !c.witness.over() && who.ask(ctx) {
			}
		})
	}
	wg.Wait()
}

// recover lets a life that was just opened come to rest, and looks whether it
// is whole.
func (c *campaign) recover(ctx context.Context, l *life) error {
	if err := errors.Join(c.witness.compare(ctx, l), c.erased(ctx, l, false)); err != nil {
		return err
	}
	l.start(ctx)
	if c.turn == 0 {
		if err := c.town.found(ctx, c, l); err != nil {
			return err
		}
	}
	if err := c.repeat(ctx, l); err != nil {
		return err
	}
	if err := l.rest(ctx); err != nil {
		return err
	}
	return errors.Join(l.whole(ctx), c.erased(ctx, l, true))
}

// repeat asks again with the ids of before: what was acknowledged is answered
// alike, what was not is done now or was done then.
func (c *campaign) repeat(ctx context.Context, l *life) error {
	acked, open := c.witness.again(c.random)
	for _, a := range acked {
		out, err := l.engine.Run(ctx, a.intent, a.meta)
		if err != nil {
			return fmt.Errorf("%T to %s-%s, repeated: %w", a.intent.Command, a.intent.Kind, a.intent.ID, err)
		}
		if !out.Repeated || len(out.Records) != len(a.records) || out.Records[0].ID != a.records[0].ID || out.Revision != a.records[len(a.records)-1].Revision {
			return fmt.Errorf("%T to %s-%s, repeated, is answered by %+v instead of %+v", a.intent.Command, a.intent.Kind, a.intent.ID, out.Records, a.records)
		}
	}
	for _, a := range open {
		if _, err := l.engine.Run(ctx, a.intent, a.meta); failed(err) {
			return fmt.Errorf("%T to %s-%s, asked again: %w", a.intent.Command, a.intent.Kind, a.intent.ID, err)
		}
	}
	return nil
}

// do asks once and has the answer noted.
func (c *campaign) do(ctx context.Context, l *life, random *rand.Rand, kind, id string, cmd any) (eventstore.Outcome, error) {
	c.asked.Add(1)
	a := &asking{
		intent: domain.Intent{Kind: kind, ID: id, Command: cmd},
		meta:   eventstore.Meta{Command: randomID(random), At: c.now(), Actor: domain.Actor{ID: "campaign", Role: domain.RoleService}},
	}
	c.witness.asks(a)
	out, err := l.engine.Run(ctx, a.intent, a.meta)
	c.witness.answered(a, out, err)
	return out, err
}

// failed tells a failure of the store from a refusal.
func failed(err error) bool {
	_, refused := errors.AsType[*domain.Error](err)
	return err != nil && !refused
}

func randomID(random *rand.Rand) uuid.UUID {
	var u uuid.UUID
	for i := range u {
		u[i] = byte(random.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}

// seeds are those to run: one that is named, or so many.
func seeds(t *testing.T, otherwise int) []uint64 {
	t.Helper()
	number := func(name string) (uint64, bool) {
		text := os.Getenv(name)
		if text == "" {
			return 0, false
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n, true
	}
	if one, ok := number("PARLEY_CRASH_SEED"); ok {
		return []uint64{one}
	}
	n, ok := number("PARLEY_CRASH_SEEDS")
	if !ok {
		n = uint64(otherwise)
	}
	from, _ := number("PARLEY_CRASH_FROM")
	all := make([]uint64, n)
	for i := range all {
		all[i] = from + uint64(i) + 1
	}
	return all
}

func TestTheEngineSurvivesCrashes(t *testing.T) {
	var failures atomic.Int64 // after some, more tell nothing new
	for _, seed := range seeds(t, 6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			if failures.Load() >= 5 {
				t.Skip("enough seeds have failed")
			}
			c := newCampaign(t, seed)
			if err := c.run(t.Context()); err != nil {
				failures.Add(1)
				t.Fatalf("PARLEY_CRASH_SEED=%d, %d%% of what was not synced kept: %v", seed, c.percent, err)
			}
			t.Logf("%d commands, %d acknowledged", c.asked.Load(), c.witness.total())
		})
	}
}

// mustSee runs seeds until one fails, each of which may miss what was broken. It
// must say what was: a campaign that fails of something else has seen nothing.
func mustSee(t *testing.T, seeds uint64, broken func(seed uint64) *campaign, says ...string) {
	t.Helper()
	for seed := range seeds {
		c := broken(seed)
		err := c.run(t.Context())
		if err == nil {
			continue
		}
		if !slices.ContainsFunc(says, func(text string) bool { return strings.Contains(err.Error(), text) }) {
			t.Fatalf("seed %d fails, and not of %q: %v", c.seed, says, err)
		}
		t.Logf("seen at seed %d: %v", c.seed, err)
		return
	}
	t.Fatalf("none of %d seeds sees it", seeds)
}

func TestTheCampaignSeesAMissingSync(t *testing.T) {
	t.Parallel()
	mustSee(t, 5, func(seed uint64) *campaign {
		c := newCampaign(t, 6*seed+6) // keeping nothing that was not synced
		c.lazy = true
		return c
	}, "was acknowledged, the log ends at", "was acknowledged and is lost")
}

func TestTheCampaignSeesAnErasureThatIsAnsweredTooEarly(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it shows that the campaign would notice; leave out -short to run it")
	}
	t.Parallel()
	mustSee(t, 20, func(seed uint64) *campaign {
		c := newCampaign(t, seed+1)
		c.careless = true
		return c
	}, "whose erasure was answered", "was erased (answered: true) and has a key")
}

func TestTheCampaignSeesALeakOfCapacity(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it shows that the campaign would notice; leave out -short to run it")
	}
	t.Parallel()
	mustSee(t, 20, func(seed uint64) *campaign {
		c := newCampaign(t, seed+1)
		for i, p := range c.policies {
			if p.Name == "release" { // forgets who was parked
				c.policies[i].Follow = func(f domain.Fact) []domain.Intent {
					if isParked(f.Event) {
						return nil
					}
					return p.Follow(f)
				}
			}
		}
		return c
	}, "[leftover]")
}
