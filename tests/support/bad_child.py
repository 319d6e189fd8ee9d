"""A child by the book, and many that are not: `bad_child.py SOCKET CHILD_ID MANNER`.

Speaks frames without asyncio or an app, so that it starts quickly and can do on purpose
what a real child does not.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import signal
import socket
import sys
from collections.abc import Callable

from agentd.errors import ChannelError
from agentd.ipc.blocking import BlockingStream
from agentd.protocol.app import STACKS_SIGNAL
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    Answer,
    Hello,
    InitFailed,
    JobEnded,
    JobStarted,
    LogsDropped,
    Offer,
    Ping,
    Pong,
    Ready,
    Shutdown,
    StartJob,
    ToChild,
    Withdraw,
)
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobAnswer, JobOutcome

YES = JobAnswer(accept=True)
DONE = JobOutcome(outcome="completed")
GARBAGE = b"\x00\x00\x00\x01\xc1"
OVERSIZED = b"\xff\xff\xff\xff"


class Child:
    """The good child; a manner changes one thing about it."""

    def __init__(self, path: str, child_id: str) -> None:
        self._path = path
        self.id = ChildId(child_id)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream: BlockingStream[ToChild] = BlockingStream(self.sock, ToChild)

    def connect(self) -> None:
        """Connect and say nothing yet."""
        self.sock.connect(self._path)

    def hello(self, *, version: int = PROTOCOL_VERSION, child_id: str = "") -> None:
        """Connect and say hello."""
        self.connect()
        name = ChildId(child_id) or self.id
        self.stream.send(Hello(version=version, child_id=name, pid=os.getpid()))

    def become_ready(self) -> None:
        """Say hello, and that prewarm is done."""
        self.hello()
        self.stream.receive()
        self.stream.send(Ready(prewarm_seconds=0.0))

    def serve(self, on_job: Callable[[str], None] | None = None) -> None:
        """Do as told until the supervisor wants no more."""
        while True:
            match self.stream.receive()[0]:
                case Ping(seq=seq):
                    self.stream.send(Pong(seq=seq))
                case Offer(offer=offer):
                    self.stream.send(Answer(job_id=offer.job_id, answer=YES))
                case StartJob(assignment=assignment):
                    (on_job or self.do_job)(assignment.job_id)
                    return
                case Shutdown():
                    return
                case _:
                    pass

    def do_job(self, job_id: str) -> None:
        """A job that is over at once."""
        self.stream.send(JobStarted(job_id=job_id))
        self.stream.send(JobEnded(job_id=job_id, outcome=DONE))


def good(child: Child) -> None:
    """By the book."""
    child.become_ready()
    child.serve()


def exits_3(child: Child) -> None:
    """Dies while it is starting."""
    child.hello()
    child.stream.receive()
    sys.exit(3)


def exits_0(child: Child) -> None:
    """Leaves politely, and much too early."""
    child.hello()


def leaves(child: Child) -> None:
    """Becomes warm, and goes without being asked."""
    child.become_ready()


def dies_before_hello(child: Child) -> None:
    """Is not heard of at all."""
    os.kill(os.getpid(), signal.SIGKILL)


def fails(child: Child) -> None:
    """Its prewarm raises."""
    child.hello()
    child.stream.receive()
    child.stream.send(InitFailed(error="ValueError: no model", traceback="Traceback"))


def fails_and_stays(child: Child) -> None:
    """Likewise, and it does not leave by itself."""
    fails(child)
    signal.pause()


def says_nothing(child: Child) -> None:
    """Connects and waits."""
    child.connect()
    signal.pause()


def never_ready(child: Child) -> None:
    """Its prewarm hangs."""
    child.hello()
    signal.pause()


def warms_up_when_told(child: Child) -> None:
    """Its prewarm takes until SIGUSR1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    child.hello()
    signal.sigwait([signal.SIGUSR1])
    good_after_hello(child)


def another_version(child: Child) -> None:
    """Is of a newer agentd."""
    child.hello(version=999)
    signal.pause()


def another_id(child: Child) -> None:
    """Claims to be somebody that the pool does not know."""
    child.hello(child_id="c999")
    signal.pause()


def another_pid(child: Child) -> None:
    """Lets a process of its own speak for it."""
    if os.fork() == 0:
        child.hello()
        child.stream.receive()
    signal.pause()


def hello_twice(child: Child) -> None:
    """Begins again in the middle."""
    child.hello()
    child.stream.receive()
    child.stream.send(Hello(version=PROTOCOL_VERSION, child_id=child.id, pid=os.getpid()))
    signal.pause()


def connects_twice(child: Child) -> None:
    """A second connection under the same id: it is turned away, and the first one holds."""
    child.hello()
    child.stream.receive()
    second = Child(sys.argv[1], child.id)
    second.hello()
    try:
        second.stream.receive()
    except ChannelError:
        child.stream.send(Ready(prewarm_seconds=0.0))
    child.serve()


def drops_logs_early(child: Child) -> None:
    """Logs so much in prewarm that some of it is dropped."""
    child.hello()
    child.stream.send(LogsDropped(count=7))
    good_after_hello(child)


def good_after_hello(child: Child) -> None:
    """By the book from here on."""
    child.stream.receive()
    child.stream.send(Ready(prewarm_seconds=0.0))
    child.serve()


def garbage_before_ready(child: Child) -> None:
    """Sends what is no frame instead of Ready."""
    child.hello()
    child.sock.sendall(GARBAGE)
    signal.pause()


def garbage(child: Child) -> None:
    """Sends what is no frame when it is warm."""
    child.become_ready()
    child.sock.sendall(GARBAGE)
    signal.pause()


def oversized(child: Child) -> None:
    """Announces four gigabytes."""
    child.become_ready()
    child.sock.sendall(OVERSIZED)
    signal.pause()


def ready_twice(child: Child) -> None:
    """Says a thing at the wrong time."""
    child.become_ready()
    child.stream.send(Ready(prewarm_seconds=0.0))
    signal.pause()


def ends_a_job_it_has_not(child: Child) -> None:
    """Reports the end of somebody else's job."""
    child.become_ready()
    child.stream.send(JobEnded(job_id="AJ_other", outcome=DONE))
    signal.pause()


def starts_a_job_twice(child: Child) -> None:
    """Says twice what can happen only once."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        child.stream.send(JobStarted(job_id=job_id))
        signal.pause()

    child.become_ready()
    child.serve(job)


def ends_a_job_twice(child: Child) -> None:
    """Likewise, with the end."""

    def job(job_id: str) -> None:
        child.do_job(job_id)
        child.stream.send(JobEnded(job_id=job_id, outcome=DONE))
        signal.pause()

    child.become_ready()
    child.serve(job)


def hangs_up(child: Child) -> None:
    """Closes its connection and lives on."""
    child.become_ready()
    child.sock.close()
    signal.pause()


def lingers(child: Child) -> None:
    """Does its job and stays."""

    def job(job_id: str) -> None:
        child.do_job(job_id)
        signal.pause()

    child.become_ready()
    child.serve(job)


def ignores_shutdown(child: Child) -> None:
    """Is told to end and does not."""
    child.become_ready()
    signal.pause()


def job_ignores_shutdown(child: Child) -> None:
    """Likewise, in the middle of a job."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        signal.pause()

    child.become_ready()
    child.serve(job)


def never_starts(child: Child) -> None:
    """Takes a job and does nothing about it, but answers each ping."""
    child.become_ready()
    child.serve(lambda _job_id: answer_pings(child))


def comes_back_and_never_starts(child: Child) -> None:
    """Likewise, with a job from a supervisor before this one."""
    child.connect()
    hello = Hello(version=PROTOCOL_VERSION, child_id=child.id, pid=os.getpid(), job_id="AJ_1")
    child.stream.send(hello)
    answer_pings(child)


def starts_late(child: Child) -> None:
    """Begins with its job only when it is told to end it."""

    def job(job_id: str) -> None:
        while not isinstance(child.stream.receive()[0], Shutdown):
            pass
        child.stream.send(JobStarted(job_id=job_id))
        signal.pause()

    child.become_ready()
    child.serve(job)


def works(child: Child) -> None:
    """Has a job that never ends, and answers each ping meanwhile."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        answer_pings(child)

    answer_stacks()
    child.become_ready()
    child.serve(job)


def blocks(child: Child) -> None:
    """Has a job that holds up everything, until SIGUSR1."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        signal.sigwait([signal.SIGUSR1])
        child.serve()

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    answer_stacks()
    child.become_ready()
    child.serve(job)


def blocks_when_idle(child: Child) -> None:
    """Is warm, and hears nothing."""
    answer_stacks()
    child.become_ready()
    signal.sigwait([signal.SIGUSR1])


def spins(child: Child) -> None:
    """Has a job that burns a CPU."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        while True:
            pass

    answer_stacks()
    child.become_ready()
    child.serve(job)


def eats_memory(child: Child) -> None:
    """Has a job that takes 200 MB, and answers each ping meanwhile."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        eaten = bytearray(200 * 2**20)
        answer_pings(child)
        eaten.clear()

    child.become_ready()
    child.serve(job)


def exits_3_in_job(child: Child) -> None:
    """Leaves amid its job, with last words."""

    def job(job_id: str) -> None:
        child.stream.send(JobStarted(job_id=job_id))
        os.write(2, b"no more memory for me\n")
        sys.exit(3)

    child.become_ready()
    child.serve(job)


def answer_pings(child: Child) -> None:
    """Do nothing else, and say so after the fifth."""
    for number in itertools.count(1):
        frame = child.stream.receive()[0]
        if isinstance(frame, Ping):
            child.stream.send(Pong(seq=frame.seq))
        if number == 5:
            os.write(1, b"five pings\n")


def answer_stacks() -> None:
    """Write the stacks when asked, as a child does whose Python code can't run."""
    faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)


def answers_late(child: Child) -> None:
    """Answers its first offer only when that has been withdrawn, and the second one with no."""
    child.become_ready()
    offered: list[str] = []
    while True:
        match child.stream.receive()[0]:
            case Offer(offer=offer):
                offered.append(offer.job_id)
                if len(offered) == 2:
                    child.stream.send(Answer(job_id=offered[0], answer=YES))
                    child.stream.send(Answer(job_id=offered[1], answer=JobAnswer(accept=False)))
            case Withdraw() if len(offered) == 1:
                child.stream.send(Answer(job_id=offered[0], answer=YES))
            case Shutdown():
                return
            case _:
                pass


def main() -> None:
    """Be a child of the manner named on the command line."""
    path, child_id, manner = sys.argv[1:]
    try:
        globals()[manner](Child(path, child_id))
    except ChannelError:
        return


if __name__ == "__main__":
    main()
