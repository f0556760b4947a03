# SPDX-License-Identifier: BSD-2-Clause
"""Connections to an echo endpoint that never fall silent: each byte is compared, and the moment of the end is kept."""
import threading
import time

from harness import check, dial, outcome, same
from traffic import piece

SIZE = 4096


class Talk:
    def __init__(self, address, seed=1):
        self.socket, self.seed, self.rounds = dial(address), seed, 0
        self.ended, self.how, self.failure = None, None, None  # when (monotonic) and how, where finish() was not the reason
        self.slowest = 0  # seconds that a round took: what this machine makes of an instant
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stop.is_set():
                sent, got, began = piece(self.seed, self.rounds * SIZE, SIZE), bytearray(), time.monotonic()
                self.socket.sendall(sent)
                while len(got) < SIZE and not self.how:
                    data = self.socket.recv(SIZE - len(got))
                    got += data
                    self.how = None if data else "eof"
                if self.how:
                    break
                if got != sent:
                    self.failure = f"bytes of talk {self.seed} differ in round {self.rounds}"
                    return
                self.rounds += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
            else:
                return
        except (ConnectionResetError, BrokenPipeError):
            self.how = "reset"
        except OSError as failure:
            self.failure = f"talk {self.seed}: {failure}"
            return
        self.ended = time.monotonic()

    def going(self):
        check(not self.failure, self.failure)
        return self.ended is None

    def finish(self):
        """It is still going, and ends in order when we say so."""
        self.stop.set()
        self.thread.join(60)
        check(self.going() and not self.thread.is_alive(), f"talk {self.seed} ended ({self.how}) in round {self.rounds}")
        self.socket.shutdown(1)
        same(outcome(self.socket), "eof", f"talk {self.seed} after its last byte")
        self.socket.close()
