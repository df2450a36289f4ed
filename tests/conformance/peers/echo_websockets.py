"""An echo server by python3-websockets: PORT of 127.0.0.1 on stdout. Runs until it is killed; two minutes at most.

usage: echo_websockets.py [--deflate] [CERTIFICATE KEY]
"""
import asyncio
import ssl
import sys

import websockets


async def echo(websocket, *_):
    async for message in websocket:
        await websocket.send(message)


async def main():
    arguments = [a for a in sys.argv[1:] if a != "--deflate"]
    context = None
    if arguments:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments[0], arguments[1])
    compression = "deflate" if "--deflate" in sys.argv else None
    async with websockets.serve(
        echo, "127.0.0.1", 0, ssl=context, compression=compression, max_size=2**25, ping_interval=0.2
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.sleep(120)


asyncio.run(main())
