package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"parley/api"
	"parley/domain"
	"parley/eventstore/embedded"
)

func newBackup(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the log, while it is in use, into a new folder",
		Long: `Backup copies the log into a new folder without stopping anything. Keys are not
in it: copy the keys folder apart, to another place, so that erasing a person
reaches every copy of the log. Parley restore brings the copy back.`,
		Example: "  parley backup /backups/2026-11-20 --data /var/lib/parley",
		Args:    exactly(1, "the folder to make"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				folder, err := absolute(args[0])
				if err != nil {
					return err
				}
				var done struct{ Position string }
				if err := l.post(ctx, "/v1/backup", map[string]string{"folder": folder}, &done); err != nil {
					return leaving(err, fmt.Sprintf("there is no whole backup in %s: the same again makes one", args[0]))
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The log up to %s is in %s.\n", done.Position, args[0])
				return err
			})
		},
	}
}

// toldBackup says of a backup that failed what is wrong with the disk: who asks
// sits at this machine. What is wrong with the log is found by parley check.
func toldBackup(err error) error {
	failed, ok := errors.AsType[*embedded.BackupError](err)
	if !ok {
		return err
	}
	if errors.Is(err, api.ErrStopping) {
		return domain.Refuse(api.ErrStopping.Code, "", fmt.Sprintf("%s; nothing is left in %s", api.ErrStopping.Message, failed.Dir))
	}
	what := "look at the disk, and with parley check at the log"
	if errors.Is(err, syscall.ENOSPC) {
		what = "make room, or name a folder on another disk"
	}
	return domain.Refuse("backup_failed", "API-1", failed.Error()+": "+what)
}

// absolute makes a path mean the same to the server. It is sent as text: one that
// is none would arrive as another.
func absolute(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err == nil && !utf8.ValidString(full) {
		err = fmt.Errorf("%q is not UTF-8, and would be made by another name: name a folder that is; nothing was written", full)
	}
	return full, err
}

// answerBackup is the server's side. Only who comes over the local socket names
// a folder of this machine.
func (h *house) answerBackup(w http.ResponseWriter, r *http.Request) error {
	if !api.CallerOf(r.Context()).Local() {
		return domain.Refuse("forbidden", "API-5", "a folder of this machine is named only over the server's local socket: run parley backup beside it")
	}
	var asked struct {
		Folder string `json:"folder"`
	}
	if err := api.ReadBody(r, &asked); err != nil {
		return err
	}
	if !filepath.IsAbs(asked.Folder) {
		return domain.Invalid("folder", "give the whole path of a folder that is not there yet")
	}
	if err := h.cfg.outside(asked.Folder); err != nil {
		return domain.Invalid("folder", err.Error())
	}
	log, err := h.ownLog("back it up")
	if err != nil {
		return domain.Refuse("forbidden", "API-5", err.Error())
	}
	info, err := log.Info(r.Context())
	if err != nil {
		return err
	}
	if err := log.Backup(r.Context(), asked.Folder); err != nil {
		return toldBackup(err)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]string{"position": info.Head.Text(info.Store)})
}
