package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parley/api"
	"parley/eventstore/esdb"
)

// config is all that can be set. Each field is a flag; PARLEY_DATA,
// PARLEY_LISTEN and other variables, which the flags name, give the defaults of
// those that a machine has of its own.
type config struct {
	data    string   // --data: the folder that holds everything
	store   string   // --store: the server that holds the log; empty: the folder does
	keep    string   // --keys: the folder that holds the keys; empty: one in the data folder
	listen  string   // --listen: host:port of the API
	origins []string // --origin: web pages that may ask
	zone    string   // --zone: the organisation's time zone
	verbose bool     // --verbose: a line for each request
	rate    float64  // --rate: requests a second of one token; 0 is no limit
	public  float64  // --public-rate: the same of one address that is not signed in
	proxies []string // --trusted-proxy: networks whose X-Forwarded-For is believed
	esdb    esdbConfig

	make     bool           // the command may make a folder that is not there
	keysOnly bool           // the command may make a log for keys that were brought
	location *time.Location // of zone, by check
	trusted  []netip.Prefix // of proxies, by check
}

// maxRate is the most requests a second that --rate and --public-rate take.
const maxRate = 1_000_000

// check finds all mistakes at once.
func (c *config) check() error {
	var wrong []error
	if strings.TrimSpace(c.data) == "" {
		wrong = append(wrong, errors.New("--data is empty: name the folder that holds the log"))
	}
	if c.store != "" && !esdb.IsAddress(c.store) {
		wrong = append(wrong, errors.New("--store is no address of EventStoreDB: give one such as esdb://user:password@localhost:2113, or none to keep the log in the data folder"))
	}
	if c.listen != "" {
		if _, _, err := net.SplitHostPort(c.listen); err != nil {
			wrong = append(wrong, fmt.Errorf("--listen %q is no host:port: give one such as 127.0.0.1:8080", c.listen))
		}
	}
	zone, err := time.LoadLocation(c.zone)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("--zone %q is no time zone: give one such as Europe/Berlin", c.zone))
	}
	c.location = zone
	if !(c.rate >= 0 && c.rate <= maxRate) { // no number is neither
		wrong = append(wrong, errors.New("--rate is not within 0 and 1,000,000: give requests a second, or 0 for no limit"))
	}
	if !(c.public >= 0 && c.public <= maxRate) {
		wrong = append(wrong, errors.New("--public-rate is not within 0 and 1,000,000: give requests a second, or 0 for no limit"))
	}
	c.trusted = nil
	for _, text := range c.proxies {
		network, err := networkOf(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("--trusted-proxy %q is no network: give one such as 10.0.0.0/8, or one address", text))
			continue
		}
		c.trusted = append(c.trusted, network)
	}
	return errors.Join(wrong...)
}

// networkOf reads a network, or one address, which is the network of its own.
func networkOf(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err
}

// limits are what one caller may ask of this server.
func (c *config) limits() api.Limits {
	l := api.DefaultLimits()
	l.Rate, l.Burst = c.rate, int(math.Ceil(2*c.rate))
	if c.public != l.PublicRate {
		l.PublicRate, l.PublicBurst = c.public, max(l.PublicBurst, int(math.Ceil(2*c.public)))
	}
	l.Proxies = c.trusted
	return l
}

// The parts of the data folder. Backups leave keys out; views, and the index of
// commands of a log elsewhere, can be deleted.
func (c *config) log() string    { return filepath.Join(c.data, "log") }
func (c *config) views() string  { return filepath.Join(c.data, "views") }
func (c *config) index() string  { return filepath.Join(c.data, "index") }
func (c *config) socket() string { return filepath.Join(c.data, "parley.sock") }
func (c *config) keys() string {
	if c.keep != "" {
		return c.keep
	}
	return filepath.Join(c.data, "keys")
}

// outside refuses a place for something new in a part of the data folder: those hold
// what the engine keeps there, file by file, and a stranger among it is damage.
func (c *config) outside(path string) error {
	for _, part := range []string{c.log(), c.keys(), c.views(), c.index()} {
		if liesIn(path, part) {
			return fmt.Errorf("%s lies in %s, where only the engine's own files may be: name a place outside it; nothing was written", path, part)
		}
	}
	return nil
}

// whole refuses a folder of which the log or the keys are gone, before anything
// is made in their place: either was lost, or not brought back.
func (c *config) whole() error {
	there := func(path string) (bool, error) {
		_, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	log, err := there(c.log())
	if err != nil {
		return err
	}
	keys, err := there(c.keys())
	switch {
	case err != nil:
		return err
	case keys && !log && c.keysOnly:
		if views, err := there(c.views()); err != nil || !views {
			return err
		}
		fallthrough
	case keys && !log:
		return fmt.Errorf("%s is there, but not the log it belongs to: bring back %s; nothing was changed", c.keys(), c.log())
	case log && !keys:
		// A start that was cut off leaves a log in which nothing was ever recorded.
		if _, err := os.Stat(c.views()); err == nil {
			return fmt.Errorf("%s is there, but not the keys that read it: bring back %s; nothing was changed", c.log(), c.keys())
		}
	}
	return nil
}
