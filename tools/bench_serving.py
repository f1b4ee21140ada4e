"""Serves a model over HTTP with the four handlers of its `inference.py`, as one would by hand.

Run as `python bench_serving.py CODE_DIRECTORY MODEL_DIRECTORY` by the model's own Python; prints its
port once the model is loaded. It never imports anything of this project.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Requests(BaseHTTPRequestHandler):
    """Answers `/invocations`."""

    def do_POST(self) -> None:
        import inference  # type: ignore[import-not-found]

        body = self.rfile.read(int(self.headers["Content-Length"]))
        data = inference.input_fn(body, self.headers["Content-Type"])
        answer = inference.output_fn(inference.predict_fn(data, model), "text/csv").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    code, model_directory = sys.argv[1:]
    sys.path.insert(0, code)
    import inference

    model = inference.model_fn(model_directory)
    server = HTTPServer(("127.0.0.1", 0), Requests)
    print(server.server_port, flush=True)
    server.serve_forever()
