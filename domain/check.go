package domain

import (
	"slices"
	"strings"
)

// Blank tells whether a text says nothing: there is none, or nothing but blanks.
func Blank[T ~string](text T) bool { return strings.TrimSpace(string(text)) == "" }

// Distinct tells whether each name says something, has so many characters at most,
// and is there once.
func Distinct(names []string, most int) bool {
	for i, name := range names {
		if Blank(name) || len([]rune(name)) > most || slices.Contains(names[:i], name) {
			return false
		}
	}
	return true
}

// Limits of context variables and of the survey before a conversation (CON-9).
const (
	MaxVariables     = 100
	MaxVariableName  = 100
	MaxVariableValue = 4000
	MaxQuestions     = 10
	MaxQuestion      = 512
	MaxLocale        = 35
)

// Check tells what keeps a conversation from being started like this. The line
// asks before it is taken, so that whoever holds it can be started.
func (o Opening) Check() error {
	switch {
	case !ValidID(o.Conversation):
		return Invalid("conversation", "a conversation needs an id")
	case o.Subject == "":
		return Invalid("subject", "a conversation needs a visitor or a contact")
	case o.Workstream == "":
		return Invalid("workstream", "a conversation needs a workstream")
	case o.Queue == "":
		return Invalid("queue", "a conversation needs a queue")
	case len(o.Context) > MaxVariables:
		return Invalid("context", "100 context variables at most")
	case len(o.Survey) > MaxQuestions:
		return Invalid("survey", "10 questions at most")
	case !o.validLocale():
		return Invalid("locale", "a locale is a language tag of 35 characters at most, such as pt-BR")
	case o.Mode == ModePersistent && !o.Authenticated:
		return Refuse("persistent_needs_auth", "PER-9", "a persistent chat starts only with a valid signed token of the customer").On("authorization")
	}
	for _, v := range o.Context {
		if err := v.Check(); err != nil {
			return err
		}
	}
	for _, a := range o.Survey {
		if len([]rune(a.Question)) > MaxQuestion {
			return Invalid("survey.question", "a question has 512 characters at most")
		}
	}
	return nil
}

// validLocale holds the locale against what a tag is made of: it lies in the
// log in the clear, so no other text may be put there.
func (o Opening) validLocale() bool {
	for _, r := range o.Locale {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		default:
			return false
		}
	}
	return len(o.Locale) <= MaxLocale
}

// Check tells what is wrong with a context variable.
func (v Variable) Check() error {
	switch {
	case Blank(v.Name) || len([]rune(v.Name)) > MaxVariableName:
		return Invalid("context.name", "a context variable has a name of 1 to 100 characters")
	case len([]rune(string(v.Value))) > MaxVariableValue:
		return Invalid("context.value", "a context variable's value has 4,000 characters at most")
	}
	return nil
}
