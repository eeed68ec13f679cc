"""The HTTP interface through Python's own client: one kept connection."""

import base64
import http.client
import json
import urllib.parse


class HttpError(Exception):
    def __init__(self, status, body):
        self.status = status
        self.problem = json.loads(body) if body.startswith(b"{") else {}
        super().__init__("%d: %s" % (status, body[:500]))


def path_of(key):
    path = "/" + urllib.parse.quote(key, safe="")
    return "/-/kv" + path if key.startswith(b"-/") or not key.strip(
        b".") else path


def text_of(data, name):
    """{name: text}, or {name_b64: ...} for what is no UTF-8."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {name + "_b64": base64.b64encode(data).decode()}


def bytes_of(document, name):
    if name in document:
        return document[name].encode()
    return base64.b64decode(document[name + "_b64"], validate=True)


class HttpClient:
    def __init__(self, address, timeout=60):
        self.connection = http.client.HTTPConnection(*address,
                                                     timeout=timeout)
        self.connection.connect()
        self.socket = self.connection.sock

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body)"""
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def good(self, method, path, body=None, headers=None):
        status, fields, answer = self.request(method, path, body, headers)
        if status >= 300:
            raise HttpError(status, answer)
        return fields, answer

    def put(self, key, value, ttl=None):
        """Through a JSON document."""
        document = text_of(value, "value")
        if ttl is not None:
            document["ttl"] = ttl
        return self.good("PUT", path_of(key), json.dumps(document))

    def put_raw(self, key, value, ttl=None):
        path = path_of(key) + ("?ttl=%s" % ttl if ttl is not None else "")
        return self.good("PUT", path, value,
                         {"Content-Type": "application/octet-stream"})

    def get(self, key):
        """The value, or None."""
        status, _, body = self.request("GET", path_of(key))
        if status == 404:
            return None
        if status != 200:
            raise HttpError(status, body)
        return bytes_of(json.loads(body), "value")

    def delete(self, key):
        status, _, body = self.request("DELETE", path_of(key))
        if status >= 300 and status != 404:
            raise HttpError(status, body)
        return status != 404

    def write(self, writes):
        """A list of writes that takes effect as one; their results."""
        _, body = self.good("POST", "/-/batch",
                            json.dumps({"write": writes}))
        return json.loads(body)["results"]

    def keys(self, **query):
        """All keys, page after page."""
        target = "/-/keys?" + urllib.parse.urlencode(query)
        while target is not None:
            _, body = self.good("GET", target)
            page = json.loads(body)
            for entry in page["keys"]:
                yield bytes_of(entry, "key")
            target = page["next"]
