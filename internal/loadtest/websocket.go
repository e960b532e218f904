package loadtest

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What RFC 6455 calls them. Only what the echo needs is here: messages in one frame, text.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	closeNormal    = 1000
	closeGoingAway = 1001
	closeRestart   = 1012

	longestFrame = 1 << 16
)

type frame struct {
	op      byte
	payload []byte
}

func closeFrame(code uint16) frame {
	return frame{op: opClose, payload: binary.BigEndian.AppendUint16(nil, code)}
}

// code is why the other side closes; 1005 when it doesn't say, as in the RFC.
func (f frame) code() uint16 {
	if len(f.payload) < 2 {
		return 1005
	}
	return binary.BigEndian.Uint16(f.payload)
}

// write sends f in one Write. A client has to mask what it sends.
func (f frame) write(w io.Writer, masked bool) error {
	const fin, maskBit, twoBytes = 0x80, 0x80, 126
	out := []byte{fin | f.op, 0}
	if n := len(f.payload); n < twoBytes {
		out[1] = byte(n)
	} else {
		out[1] = twoBytes
		out = binary.BigEndian.AppendUint16(out, uint16(n)) //nolint:gosec // ours are short
	}
	if !masked {
		_, err := w.Write(append(out, f.payload...))
		return err
	}
	out[1] |= maskBit
	var key [4]byte
	rand.Read(key[:]) // never fails
	out = append(out, key[:]...)
	for i, b := range f.payload {
		out = append(out, b^key[i%4])
	}
	_, err := w.Write(out)
	return err
}

func readFrame(r *bufio.Reader) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	if head[0]&0x80 == 0 {
		return frame{}, errors.New("a message in several frames")
	}
	length, err := readLength(r, head[1]&0x7F)
	if err != nil {
		return frame{}, unexpected(err)
	}
	var key [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return frame{}, unexpected(err)
		}
	}
	f := frame{op: head[0] & 0x0F, payload: make([]byte, length)}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, unexpected(err)
	}
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, nil
}

func readLength(r io.Reader, short byte) (uint64, error) {
	const twoBytes, eightBytes = 126, 127
	var long [8]byte
	switch short {
	case twoBytes:
		_, err := io.ReadFull(r, long[6:])
		if err != nil {
			return 0, err
		}
	case eightBytes:
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return 0, err
		}
	default:
		return uint64(short), nil
	}
	length := binary.BigEndian.Uint64(long[:])
	if length > longestFrame {
		return 0, fmt.Errorf("a frame of %d bytes", length)
	}
	return length, nil
}

// unexpected makes the end of the connection within a frame look like what it is.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// acceptKey is the server's answer to the client's Sec-WebSocket-Key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}
