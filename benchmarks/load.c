/* A load generator that stays out of the way: one thread, epoll, keep-alive, answers read to the last byte.

   Usage: load PORT PATH CONNECTIONS SECONDS RATE BODIES

   BODIES holds one JSON request body a line; they are sent in turn. RATE 0 is a closed loop (each connection sends
   again as soon as it has its answer); otherwise an open loop of RATE requests/s, timed from when each was due, so that
   a slow server cannot hide its queue. Requests in flight at the end are waited for. One JSON object comes out. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 30000000000LL
#define TICK_NS 50000000LL

enum { HEAD, BODY, SIZE, DATA, DATA_END, TRAILER, WHOLE };

typedef struct {
    char *text;
    size_t size;
} Request;

typedef struct {
    double *values;
    size_t count, room;
} Samples;

typedef struct {
    int fd, is_busy, stage, status, is_sse, is_done, head_used, line_used;
    char head[16384], line[16];
    unsigned long long left;
    long long due_ns, event_ns;
} Conn;

static Request *requests;
static size_t request_count, next_request;
static Samples latency, first_byte, gap;
static unsigned long long failures, events;
static int port, poller;

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(Samples *samples, long long ns) {
    if (samples->count == samples->room)
        samples->values = realloc(samples->values, (samples->room = samples->room * 2 + 1024) * sizeof(double));
    samples->values[samples->count++] = (double)ns / 1e6;
}

static void join(Conn *conn) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(conn->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("load");
        exit(1);
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poller, EPOLL_CTL_ADD, conn->fd, &event);
}

static void fail(Conn *conn) {
    failures += (unsigned long long)conn->is_busy;
    conn->is_busy = 0;
    close(conn->fd);
    join(conn);
}

static void ask(Conn *conn, long long due_ns) {
    Request *request = &requests[next_request++ % request_count];
    conn->is_busy = 1;
    conn->stage = HEAD;
    conn->head_used = conn->line_used = conn->is_done = 0;
    conn->left = 0;
    conn->due_ns = due_ns;
    conn->event_ns = 0;
    for (size_t sent = 0; sent < request->size;) {
        ssize_t took = send(conn->fd, request->text + sent, request->size - sent, MSG_NOSIGNAL);
        if (took <= 0) {
            fail(conn);
            return;
        }
        sent += (size_t)took;
    }
}

static void read_event_byte(Conn *conn, char byte, long long now) {
    if (byte != '\n') {
        if (conn->line_used < 15) conn->line[conn->line_used++] = byte;
        return;
    }
    conn->line[conn->line_used] = 0;
    conn->line_used = 0;
    if (strncmp(conn->line, "data:", 5)) return;
    events++;
    conn->is_done |= strncmp(conn->line, "data: [DONE]", 12) == 0;
    if (conn->event_ns) add(&gap, now - conn->event_ns);
    conn->event_ns = now;
}

static void read_head_byte(Conn *conn, char byte) {
    char *length;
    if (conn->head_used >= (int)sizeof conn->head - 1) return;
    conn->head[conn->head_used++] = byte;
    if (conn->head_used < 4 || memcmp(conn->head + conn->head_used - 4, "\r\n\r\n", 4)) return;
    conn->head[conn->head_used] = 0;
    conn->status = atoi(conn->head + 9);
    conn->is_sse = strcasestr(conn->head, "text/event-stream") != NULL;
    length = strcasestr(conn->head, "\r\ncontent-length:");
    conn->left = length ? strtoull(length + 17, NULL, 10) : 0;
    conn->stage = length ? (conn->left ? BODY : WHOLE) : SIZE;
}

static void read_byte(Conn *conn, char byte, long long now) {
    switch (conn->stage) {
        case HEAD: read_head_byte(conn, byte); break;
        case BODY:
            read_event_byte(conn, byte, now);
            if (--conn->left == 0) conn->stage = WHOLE;
            break;
        case SIZE:
            if (byte == '\n') conn->stage = conn->left ? DATA : TRAILER;
            else if (byte != '\r') conn->left = conn->left * 16 + strtoull((char[]){byte, 0}, NULL, 16);
            break;
        case DATA:
            read_event_byte(conn, byte, now);
            if (--conn->left == 0) conn->stage = DATA_END;
            break;
        case DATA_END:
            if (byte == '\n') conn->stage = SIZE;
            break;
        case TRAILER:
            if (byte == '\n') conn->stage = WHOLE;
            break;
    }
}

static void receive(Conn *conn) {
    static char buffer[65536];
    ssize_t got = recv(conn->fd, buffer, sizeof buffer, 0);
    long long now = now_ns();
    int was_in_head = conn->stage == HEAD;
    if (got <= 0) {
        fail(conn);
        return;
    }
    for (ssize_t at = 0; at < got; at++) read_byte(conn, buffer[at], now);
    if (was_in_head && conn->stage != HEAD) add(&first_byte, now - conn->due_ns);
    if (conn->stage != WHOLE || !conn->is_busy) return;
    if (conn->status != 200 || (conn->is_sse && !conn->is_done)) failures++;
    else add(&latency, now - conn->due_ns);
    conn->is_busy = 0;
}

static void read_bodies(const char *file, const char *path) {
    char *line = NULL;
    size_t room = 0;
    FILE *bodies = fopen(file, "r");
    if (!bodies) {
        perror(file);
        exit(1);
    }
    for (ssize_t size; (size = getline(&line, &room, bodies)) > 1;) {
        Request request;
        if (line[size - 1] == '\n') line[--size] = 0;
        request.size = (size_t)asprintf(&request.text,
                                        "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                                        "accept: */*\r\ncontent-length: %zd\r\n\r\n%s", path, port, size, line);
        requests = realloc(requests, (request_count + 1) * sizeof request);
        requests[request_count++] = request;
    }
    fclose(bodies);
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest rank: the smallest value that at least `share` of all values do not exceed. */
static double quantile(const Samples *samples, double share) {
    size_t rank = (size_t)(share * (double)samples->count + 0.999999);
    return samples->values[rank ? rank - 1 : 0];
}

static void print_samples(const char *name, Samples *samples) {
    double sum = 0;
    if (samples->count == 0) {
        printf(",\"%s\":null", name);
        return;
    }
    qsort(samples->values, samples->count, sizeof(double), ascending);
    for (size_t i = 0; i < samples->count; i++) sum += samples->values[i];
    printf(",\"%s\":{\"mean\":%.4f,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"max\":%.4f}", name,
           sum / (double)samples->count, quantile(samples, 0.5), quantile(samples, 0.9), quantile(samples, 0.99),
           samples->values[samples->count - 1]);
}

int main(int argc, char **argv) {
    if (argc != 7 || atoi(argv[3]) < 1 || atoi(argv[3]) > 1000) {
        fprintf(stderr, "usage: load PORT PATH CONNECTIONS(1..1000) SECONDS RATE BODIES\n");
        return 2;
    }
    port = atoi(argv[1]);
    int count = atoi(argv[3]), busy = 0;
    double rate = atof(argv[5]);
    read_bodies(argv[6], argv[2]);
    if (request_count == 0) {
        fprintf(stderr, "load: no request bodies\n");
        return 2;
    }
    poller = epoll_create1(0);
    Conn *conns = calloc((size_t)count, sizeof(Conn));
    for (int i = 0; i < count; i++) join(&conns[i]);
    long long start = now_ns(), end = start + (long long)(atof(argv[4]) * 1e9), due = start, now = start;
    do {
        for (int i = 0; i < count && now < end; i++) {
            if (conns[i].is_busy || due > now) continue;
            ask(&conns[i], rate > 0 ? due : now);
            if (rate > 0) due += (long long)(1e9 / rate);
        }
        struct epoll_event ready[256];
        long long left = rate > 0 && now < end && due > now && due - now < TICK_NS ? due - now : TICK_NS;
        struct timespec wait = {0, left};
        int got = epoll_pwait2(poller, ready, 256, &wait, NULL);
        for (int i = 0; i < got; i++) receive(ready[i].data.ptr);
        now = now_ns();
        busy = 0;
        for (int i = 0; i < count; i++) busy += conns[i].is_busy;
    } while (now < end || (busy && now < end + PATIENCE_NS));
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    printf("{\"requests\":%zu,\"failures\":%llu,\"events\":%llu,\"seconds\":%.6f,\"generator_cpu_seconds\":%.6f",
           latency.count, failures + (unsigned long long)busy, events, (double)(now - start) / 1e9,
           (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec)
               + (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
    print_samples("latency_ms", &latency);
    print_samples("first_byte_ms", &first_byte);
    print_samples("gap_ms", &gap);
    printf("}\n");
    return 0;
}
