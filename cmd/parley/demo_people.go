package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley/domain"
)

// person is somebody with a token.
type person struct {
	id, name, token, address string
}

func (d *demo) person(id, role string) (*person, error) {
	token, err := d.tokens.Mint(id, role, 24*time.Hour)
	return &person{id: id, token: token, address: d.address}, err
}

// send asks the API for something, as any client would.
func (p *person) send(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.address+path, text)
	if err != nil {
		return err
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		refusal := &problem{}
		if json.Unmarshal(b, refusal) == nil && refusal.Code != "" {
			return refusal
		}
		return fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	if into == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, into)
}

// What people in the shop say. Questions and answers go in pairs.
var (
	demoPages     = []string{"/", "/shoes", "/shoes/runner-7", "/returns", "/checkout"}
	demoQuestions = []string{
		"Hello, is the Runner 7 in stock in size 42?", "My parcel has not arrived yet.", "How do I send something back?",
		"Do you ship to Iceland?", "The payment page shows an error.", "Is there a discount for students?",
	}
	demoReplies = []string{"Hi! Let me look that up for you.", "I see. One moment, please.", "Thank you for waiting. It is all arranged.", "Anything else I can do?"}
	demoThanks  = []string{"Great, thank you!", "That was quick.", "Perfect.", "No, that is all. Bye!"}
)

// visit is one visitor: looks around, is perhaps invited, asks.
func (d *demo) visit(ctx context.Context, admin *person) error {
	var arrived struct{ Visitor, Token string }
	nobody := &person{address: d.address}
	if err := nobody.send(ctx, "POST", "/v1/widgets/shop/visitors", map[string]any{"device": map[string]string{"browser": "Firefox", "language": "en"}}, &arrived); err != nil {
		return err
	}
	v := &person{id: arrived.Visitor, token: arrived.Token, address: d.address, name: "visitor " + arrived.Visitor[len(arrived.Visitor)-4:]}
	for range 1 + rand.IntN(3) {
		page := demoPages[rand.IntN(len(demoPages))]
		if err := v.send(ctx, "POST", "/v1/visitors/"+v.id+"/actions", map[string]string{"type": "page_visited", "url": "https://shop.example" + page}, nil); err != nil {
			return err
		}
		d.say(v.name, "looks at %s", page)
		d.rest(ctx, time.Duration(500+rand.IntN(1500))*time.Millisecond)
	}
	var started struct{ Conversation string }
	question := demoQuestions[rand.IntN(len(demoQuestions))]
	if rand.IntN(3) == 0 {
		var invited struct{ ID string }
		if err := admin.send(ctx, "POST", "/v1/visitors/"+v.id+"/invitations", map[string]string{"message": "Can we help you?", "rule": "browsing"}, &invited); err != nil {
			return err
		}
		d.rest(ctx, time.Second)
		if rand.IntN(2) == 0 {
			d.say(v.name, "dismisses the invitation")
			return v.send(ctx, "POST", "/v1/visitors/"+v.id+"/invitations/"+invited.ID+"/dismiss", nil, nil)
		}
		if err := v.send(ctx, "POST", "/v1/visitors/"+v.id+"/invitations/"+invited.ID+"/accept", map[string]any{}, &started); err != nil {
			return err
		}
		d.say(v.name, "accepts the invitation")
	} else {
		if err := v.send(ctx, "POST", "/v1/conversations", map[string]string{"widget": "shop"}, &started); err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.visitors[started.Conversation] = v
	d.mu.Unlock()
	d.say(v.name, "«%s»", question)
	return v.send(ctx, "POST", "/v1/conversations/"+started.Conversation+"/messages", map[string]string{"text": question}, nil)
}

// work is one agent: listens, and takes what is offered.
func (d *demo) work(ctx context.Context, id, name string) error {
	a, err := d.person(id, domain.RoleAgent)
	if err != nil {
		return err
	}
	a.name = name
	for ctx.Err() == nil {
		if err := d.listen(ctx, a); err != nil && ctx.Err() == nil {
			d.say(name, "lost the feed and comes back: %v", err)
			d.rest(ctx, time.Second)
		}
	}
	return nil
}

// listen follows the agent's feed: each news may be an alert.
func (d *demo) listen(ctx context.Context, a *person) error {
	r, err := http.NewRequestWithContext(ctx, "GET", d.address+"/v1/agents/"+a.id+"/feed", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	if err := a.send(ctx, "PUT", "/v1/agents/"+a.id+"/presence", map[string]string{"presence": "available"}, nil); err != nil {
		return err
	}
	d.say(a.name, "is there")
	seen, position := map[string]bool{}, ""
	in := bufio.NewScanner(answer.Body)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if id, ok := strings.CutPrefix(in.Text(), "id: "); ok {
			position = id
		}
		if in.Text() != "event: notification.raised" {
			continue
		}
		var inbox struct {
			Notifications []struct {
				Hold, Conversation, Title, Form string
				Standing                        bool
			}
		}
		if err := a.send(ctx, "GET", "/v1/agents/"+a.id+"/notifications?after="+url.QueryEscape(position), nil, &inbox); err != nil {
			return err
		}
		for _, n := range inbox.Notifications {
			if n.Standing && n.Form == "alert" && !seen[n.Hold] {
				seen[n.Hold] = true
				go d.answer(ctx, a, n.Hold, n.Conversation, n.Title)
			}
		}
	}
	return errors.Join(in.Err(), io.ErrUnexpectedEOF)
}

// answer takes one alert and talks.
func (d *demo) answer(ctx context.Context, a *person, hold, conversation, title string) {
	err := func() error {
		if err := a.send(ctx, "POST", "/v1/agents/"+a.id+"/notifications/"+hold+"/displayed", map[string]string{"device": "desk"}, nil); err != nil {
			return err
		}
		d.rest(ctx, time.Duration(500+rand.IntN(2000))*time.Millisecond)
		verb := "accept"
		if rand.IntN(10) == 0 {
			verb = "reject"
		}
		if err := a.send(ctx, "POST", "/v1/conversations/"+conversation+"/offers/"+hold+"/"+verb, nil, nil); err != nil {
			return err
		}
		d.say(a.name, "%ss %s", verb, title)
		if verb == "reject" {
			return nil
		}
		return d.talk(ctx, a, hold, conversation)
	}()
	var refusal *problem
	if err != nil && ctx.Err() == nil && !errors.As(err, &refusal) {
		d.say(a.name, "has trouble: %v", err)
	}
}

// talk plays a conversation to its end, each side with its own token.
func (d *demo) talk(ctx context.Context, a *person, hold, conversation string) error {
	d.mu.Lock()
	v := d.visitors[conversation]
	delete(d.visitors, conversation)
	d.mu.Unlock()
	if v == nil {
		return nil
	}
	messages := "/v1/conversations/" + conversation + "/messages"
	for i := range 2 + rand.IntN(len(demoReplies)-1) {
		d.rest(ctx, time.Duration(1000+rand.IntN(3000))*time.Millisecond)
		if err := a.send(ctx, "POST", messages, map[string]string{"text": demoReplies[i%len(demoReplies)]}, nil); err != nil {
			return err
		}
		d.say(a.name, "to %s: «%s»", v.name, demoReplies[i%len(demoReplies)])
		d.rest(ctx, time.Duration(1000+rand.IntN(3000))*time.Millisecond)
		if err := v.send(ctx, "POST", messages, map[string]string{"text": demoThanks[i%len(demoThanks)]}, nil); err != nil {
			return err
		}
		d.say(v.name, "«%s»", demoThanks[i%len(demoThanks)])
	}
	if err := a.send(ctx, "POST", "/v1/conversations/"+conversation+"/end", nil, nil); err != nil {
		return err
	}
	d.say(a.name, "ends the conversation with %s", v.name)
	d.rest(ctx, time.Duration(1000+rand.IntN(2000))*time.Millisecond)
	return a.send(ctx, "POST", "/v1/sessions/"+hold+"/close", map[string]any{"confirm": true, "disposition": []string{"solved"}}, nil)
}
