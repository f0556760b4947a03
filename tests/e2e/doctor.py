# SPDX-License-Identifier: BSD-2-Clause
"""The doctor of sshipc-client, as a script sees it."""
import json

from basics import same


class Doctor:
    """Runs --check with the same arguments but for what a case changes."""

    def __init__(self, scene, server, key, specs=("127.0.0.1:0",)):
        self.scene, self.server, self.key, self.specs, self.runs = scene, server, key, specs, 0

    def run(self, *specs, how="--check", env=None, pin=True, key=None, options=(), to=None):
        """Exit code; step -> what it says."""
        argv = self.scene.client_argv(self.server, *(specs or self.specs), key=key or self.key, pin=pin, args=[how, "--json", *options])
        got = self.scene.run(argv[:-1] + [to or argv[-1]], env=env, timeout=60)
        *steps, verdict = [json.loads(line) for line in got.output().splitlines()]
        same([s["step"] for s in steps], list(range(1, 13)), f"steps ({got.log()})")
        same(verdict["failed"] or 0, got.code, "the step of the verdict, and the exit code")
        same(verdict["ok"], got.code == 0, "ok")
        same([s["step"] for s in steps if s["result"] == "fail"][:1], [got.code] if got.code else [], f"what fails first in {steps}")
        for s in steps:
            same(s["remedy"] is not None, s["result"] == "fail", f"a remedy where something fails: {s}")
        self.runs += 1
        return got.code, {s["step"]: s for s in steps}

    def fails(self, step, *specs, **how):
        """It fails at this step; what that says, and the remedy."""
        code, steps = self.run(*specs, **how)
        same(code, step, f"the step that fails in {list(steps.values())}")
        return steps[step]["text"], steps[step]["remedy"]

    def passes(self, *specs, **how):
        code, steps = self.run(*specs, **how)
        same(code, 0, f"exit code with {list(steps.values())}")
        return steps
