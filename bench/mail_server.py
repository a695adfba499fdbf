"""`python bench/mail_server.py SECONDS`: a mail server that takes every message and keeps none.

It prints its port. Each reply is sent so many seconds after its command; `NOOP COUNT` is answered by how many messages
it has taken.
"""

import asyncio
import sys

END = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    taken = 0

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._left, self._in_content = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._reply(b"220 bench")

    def data_received(self, data: bytes) -> None:
        self._left += data
        while (cut := self._left.partition(END if self._in_content else b"\r\n"))[1]:
            self._left = cut[2]
            self._reply(self._answer(cut[0].upper()))

    def _answer(self, line: bytes) -> bytes:
        if self._in_content:
            self._in_content = False
            Session.taken += 1
            return b"250 taken"
        if line == b"DATA":
            self._in_content = True
            return b"354 go on"
        if line == b"NOOP COUNT":
            return b"250 %d" % Session.taken
        return b"221 bye" if line == b"QUIT" else b"250 bench"

    def _reply(self, text: bytes) -> None:
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._transport.write, text + b"\r\n")
        else:
            self._transport.write(text + b"\r\n")


async def main() -> None:
    pause = float(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(lambda: Session(pause), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it ends


if __name__ == "__main__":
    asyncio.run(main())
