package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/api"
)

func newToken(cfg *config) *cobra.Command {
	var role, subject string
	var lasts time.Duration
	var asJSON bool
	roles := api.TokenRoles()
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Sign a token, for development and for machines",
		Example: `  parley token --role admin
  parley token --role agent --subject ana --for 12h`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(roles, role) {
				return usageError{fmt.Errorf("--role %q is no role that a token carries: give one of %s", role, strings.Join(roles, ", "))}
			}
			if subject == "" {
				subject = role
			}
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				var minted struct {
					Token   string    `json:"token"`
					Expires time.Time `json:"expires"`
				}
				asked := map[string]any{"role": role, "subject": subject, "ttlSeconds": int64(lasts.Seconds())}
				if err := l.post(ctx, "/v1/tokens", asked, &minted); err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(minted)
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), minted.Token)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "admin", strings.Join(roles, ", "))
	cmd.Flags().StringVar(&subject, "subject", "", "whom it is for: an agent's or a visitor's id; the role when empty")
	cmd.Flags().DurationVar(&lasts, "for", 24*time.Hour, "how long it lasts")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON with the token and its end")
	return cmd
}
