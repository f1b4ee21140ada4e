"""Serves a model over HTTP with the handlers of its inference script, as one would by hand.

Run as `python bench_serving.py CODE_DIRECTORY MODEL_DIRECTORY SCRIPT` by the model's own Python; prints
its port once the model is loaded. It never imports anything of this project.
"""

import importlib
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Requests(BaseHTTPRequestHandler):
    """Answers `/invocations`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind, accept = self.headers["Content-Type"], self.headers["Accept"]
        if hasattr(script, "transform_fn"):
            answer = script.transform_fn(model, body, kind, accept)[0]
        else:
            data = script.input_fn(body, kind)
            answer = script.output_fn(script.predict_fn(data, model), accept).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    code, model_directory, name = sys.argv[1:]
    sys.path.insert(0, code)
    script = importlib.import_module(name)
    model = script.model_fn(model_directory)
    server = HTTPServer(("127.0.0.1", 0), Requests)
    print(server.server_port, flush=True)
    server.serve_forever()
