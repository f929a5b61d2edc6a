"""A child that connects and then says nothing for ever."""

import json
import socket
import sys

if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(json.loads(sys.argv[1])["socket"])
        connection.recv(1)
