// Command auditing checks a BodyWire ledger with Go's own transparency-log packages and nothing of BodyWire's.
//
// It reads the published files only: checkpoint, tile/entries/..., and, when given, a proof and an older checkpoint.
// See docs/auditing.md.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	key := flag.String("key", "", "the log's verifier key, the line of key.vkey")
	proof := flag.String("proof", "", "a file that `bodywire ledger prove` wrote")
	older := flag.String("older", "", "a checkpoint of the same log that was kept from earlier")
	flag.Parse()
	if *key == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: auditing -key KEY [-proof FILE] [-older FILE] DIRECTORY|URL")
		os.Exit(2)
	}
	if err := audit(*key, flag.Arg(0), *proof, *older); err != nil {
		fmt.Fprintln(os.Stderr, "NOT VERIFIED:", err)
		os.Exit(3)
	}
}

func audit(key, log, proof, older string) error {
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	signed, err := read(log, "checkpoint")
	if err != nil {
		return err
	}
	head, err := open(signed, verifier)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	hashes, err := leaves(log, head.N)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(head.N, hashes)
	if err != nil {
		return err
	}
	if root != head.Hash {
		return fmt.Errorf("the %d entries do not have the root that the checkpoint signs", head.N)
	}
	fmt.Printf("checkpoint of %s: %d entries, root %s, signature and every entry verified\n", verifier.Name(), head.N, head.Hash)
	if proof != "" {
		text, err := os.ReadFile(proof)
		if err != nil {
			return err
		}
		if err := included(string(text), verifier); err != nil {
			return fmt.Errorf("%s: %w", proof, err)
		}
	}
	if older != "" {
		text, err := os.ReadFile(older)
		if err != nil {
			return err
		}
		before, err := open(text, verifier)
		if err != nil {
			return fmt.Errorf("%s: %w", older, err)
		}
		if before.N > head.N {
			return fmt.Errorf("the log had %d entries and has %d: it was rolled back", before.N, head.N)
		}
		if before.N > 0 {
			path, err := tlog.ProveTree(head.N, before.N, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckTree(path, head.N, head.Hash, before.N, before.Hash); err != nil {
				return fmt.Errorf("the log was changed before entry %d: %w", before.N, err)
			}
		}
		fmt.Printf("consistent with the checkpoint of %d entries\n", before.N)
	}
	return nil
}

// open verifies a checkpoint's signature and reads its three lines.
func open(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("it is not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// stored are the hashes of a tree in the order that Go's package gives them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d is not in the tree", index)
		}
		out[i] = s[index]
	}
	return out, nil
}

// leaves reads the entry bundles and builds the tree anew; no hash tile is trusted, or even read.
func leaves(log string, size int64) (stored, error) {
	var hashes stored
	for first := int64(0); first < size; first += 256 {
		width := min(size-first, 256)
		bundle, err := read(log, tile(first/256, width))
		if err != nil {
			return nil, err
		}
		for index := first; index < first+width; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("the bundle of entry %d is cut off", index)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			next, err := tlog.StoredHashesForRecordHash(index, tlog.RecordHash(bundle[2:end]), hashes)
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, next...)
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return nil, fmt.Errorf("the bundle of entry %d has bytes too many", first)
		}
	}
	return hashes, nil
}

// tile is the path of an entry bundle (C2SP tlog-tiles).
func tile(number, width int64) string {
	path := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		path = fmt.Sprintf("x%03d/%s", number%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return "tile/entries/" + path
}

// included checks a proof in the C2SP tlog-proof text form.
func included(text string, verifier note.Verifier) error {
	lines, checkpoint, found := strings.Cut(text, "\n\n")
	fields := strings.Split(lines, "\n")
	if !found || len(fields) < 3 || fields[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("it is not a proof")
	}
	head, err := open([]byte(checkpoint), verifier)
	if err != nil {
		return err
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fields[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(fields[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range fields[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	if err := tlog.CheckRecord(path, head.N, head.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("entry %d is in the log of %d entries\n", index, head.N)
	return nil
}

// read reads a published file from a directory or over HTTP.
func read(log, path string) ([]byte, error) {
	if !strings.HasPrefix(log, "http://") && !strings.HasPrefix(log, "https://") {
		return os.ReadFile(filepath.Join(log, path))
	}
	answer, err := http.Get(strings.TrimSuffix(log, "/") + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 64<<20))
}
