package services_test

import (
	"path/filepath"
	"testing"

	"tend.example/tend/supervise"
)

func TestCertificateThatIsBrokenAtARestartIsTheOldOne(t *testing.T) {
	var log records
	folder := t.TempDir()
	newCertificate(t, folder, "first")
	h := newHTTP(hello)
	h.Log = log.logger()
	h.CertFile, h.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: atOnce})
	awaitRunning(t, tr)
	replaceFile(t, h.CertFile, []byte("no certificate"))
	f.fail <- fault
	awaitRun(t, tr, 2)
	if got, err := certificateOf(h.BoundAddr()); got != "first" {
		t.Errorf("certificate: got %q, %v, want first", got, err)
	}
	eventually(t, "the fault is logged", func() bool { return log.count("the old one stays") > 0 })
	newCertificate(t, folder, "second")
	eventually(t, "the second certificate", func() bool {
		got, err := certificateOf(h.BoundAddr())
		return err == nil && got == "second"
	})
	tr.stop()
}
