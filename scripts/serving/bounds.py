"""The time-outs and bounds of the service outside of its handler that depend on each other.

What TorchServe's own files must say literally (config.properties, handler/model-config.yaml) is
named here too; tests/serving/test_bounds.py holds those copies equal, and checks which bound must
be less than which.
"""

# Seconds. A request: TorchServe gives up before the gateway does. A client may leave before that
# (ours does after client/classifier.py's TIMEOUT, the page after its TIME_LIMIT): the gateway then
# forgets its request, and another gets the place.
RESPONSE = 10.0  # until a worker that does not answer is replaced (responseTimeout)
QUEUE = 15.0  # until a request that waits for a worker is dropped (clientTimeoutInMills)
ANSWER = 20.0  # until the gateway asks again: TorchServe forgot it when a worker died
WAIT = 30.0  # who would wait longer for a place at TorchServe is refused at once
REPLAY = 60.0  # from the whole body to the answer: waiting, and every try
LARGE_REPLAY = 90.0  # the same, of those that first wait for the door of large bodies
REQUEST_HEAD = 10.0  # for a request's line and headers to arrive
REQUEST_BODY = 60.0  # for its body, the wait for the door of large bodies included
LINGER = 1.0  # for a client that is refused in mid-upload to notice, and read why
IDLE_STREAM = 100.0  # for a request of which nothing moves: longer than any waits
IDLE_CONNECTION = 120.0
ORDER_EVERY = 1.0  # from one look at the queues to the next
NUDGE = 0.5  # for what makes the gateway look at those who wait

# Seconds. Starting and stopping.
STARTUP = 120.0  # for a worker to load: a slow disk is not a broken archive (startupTimeout)
READY = 150.0  # from the start to the first prediction: the JVM's own start on top
CERTIFICATE = 120.0  # for the first certificate of a DOMAIN
CLASS_ARCHIVE = 120.0  # for a JVM to write down its classes, behind most others
IN_FLIGHT = 10.0  # for requests in flight when the gateway is told to stop
PROCESS_STOP = 15.0  # a process may take to end by itself before it is killed
SERVICE_STOP = 40.0  # the gateway, then TorchServe

# Seconds. Is it ready?
PROBE_EVERY = 3.0  # from one probe to the next: each costs a prediction
PROBE_AGAIN = 0.1  # where one failed, or took longer than that
PROBE = 26.0  # for one: the whole queue may be ahead of it
FOLLOW_EVERY = 1.0  # from one look at what is recorded to the next
LATELY = 11.0  # a success counts for so long
NOTHING_SUCCEEDED = 45.0  # then what is broken is restarted
READY_ANSWER = 2.0  # for the gateway to hear from the supervisor

# Seconds. Others who wait.
MANAGEMENT = 130.0  # a management call: scaling loads workers
SCRAPE = 3.0  # for all that one scrape asks; Prometheus itself waits for 10
SCRAPE_PROMETHEUS = 10.0
DRAIN = 30.0  # for the requests of a version that is about to be unloaded
CANARY = 60.0  # for a canary picture's answer, which is judged against a bound of its own
STATUS = 15.0  # for `make status` to hear whether it is ready
LOOPBACK = 1.0  # for the machine to reach itself
ADMIN = 5.0  # for Envoy's admin interface to answer
GATEWAY_CHECK = 5.0  # for the supervisor to hear anything from the gateway
WRITE_AGAIN = 5.0  # after a file could not be written, to the next try: the disk may be full
ACCESS_LOGGED = 2.0  # within which the gateway has written down what it answered

# A process that ends this often within this many seconds is not started again.
MAX_DEATHS = 5
DEATHS_WINDOW = 60.0

# Requests. The gateway sends on as many as fill every batch; the others wait there, in order.
QUEUE_PLACES = 24  # of TorchServe's own queue (job_queue_size)
SPARE_PLACES = 8  # of these, for the supervisor's probe and what clients that left leave behind
AT_ONCE = 16  # until it is known what the workers are
LARGE_AT_ONCE = 6  # of those with a large body, where memory is short
LARGE_AT_MOST = 80  # ... where most come so slowly that they take hardly any; all may hurry later
WAITING = 1000  # until it is known how fast they are answered
WAITING_AT_LEAST = 100  # so that a short stop refuses nobody
LARGE_WAITING, LARGE_WAITING_AT_LEAST = 300, 50
CONNECTIONS = 10_000  # of clients
FILES = 256  # that a process may have open at least: a quarter is for everything but connections
MAX_LOADS = 3  # a worker that ended so often before it was ever ready can't load its archive

# Bytes.
BODY = 5_000_000
QUERY = 200  # of an address: the handler refuses longer ones (MAX_QUERY)
LARGE_BODY = 500_000
LARGE_MEMORY = 45_000_000  # with that much in use the gateway reads no further large bodies
GATEWAY_HEAP = 1 << 30  # from there on it takes no more requests
LOG = 10 << 20  # then a log of the gateway's is put aside
TORCHSERVE_BODY = 5_242_880  # a little more, so that the gateway is who answers (max_request_size)
SOCKET_PATH = 107  # unix(7), without the closing zero
