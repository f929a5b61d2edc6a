/* A target that costs next to nothing: one thread, epoll, HTTP/1.1 keep-alive, fixed OpenAI-shaped answers.

   Usage: mock PORT CHUNKS GAP_US     (PORT 0 takes a free one; the port is printed on the first line)

   POST, any path   one chat.completion; with "stream":true CHUNKS content events, GAP_US apart (0: all in one write)
   GET /counts      {"requests":N,"events":N}: what was answered, to compare with what the client and the ledger saw */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 4096
#define PROMPT_TOKENS 40
#define WHOLE_TOKENS 32

typedef struct {
    char *in;
    size_t used, room;
    int is_open, next; /* next: event to stream, -1 when idle */
    int wants_usage;
    long long due_ns;
} Conn;

static Conn conns[MAX_FD];
static int highest, chunks;
static long long gap_ns;
static unsigned long long answered, events;

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void drop(int fd) {
    close(fd);
    conns[fd].is_open = 0;
    conns[fd].next = -1;
}

static void put(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {fd, POLLOUT, 0};
            poll(&writable, 1, 1000);
        } else if (errno != EINTR) {
            drop(fd);
            return;
        }
    }
}

static void put_whole(int fd, const char *body) {
    char out[4096];
    int size = snprintf(out, sizeof out,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                        strlen(body), body);
    put(fd, out, (size_t)size);
}

static void put_answer(int fd) {
    char body[2048], text[512];
    size_t used = 0;
    for (int word = 0; word < WHOLE_TOKENS; word++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%sword%d", word ? " " : "", word);
    snprintf(body, sizeof body,
             "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"mock-1\",\"choices\":[{"
             "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,"
             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,"
             "\"total_tokens\":%d}}",
             text, PROMPT_TOKENS, WHOLE_TOKENS, PROMPT_TOKENS + WHOLE_TOKENS);
    answered++;
    put_whole(fd, body);
}

/* Writes event number `at` into `out`: the role, the words, the finish reason, usage if asked, [DONE]. */
static int write_event(char *out, size_t room, int at, int wants_usage) {
    char body[512], delta[64] = "", usage[160] = "";
    const char *choices = "\"choices\":[]", *finish = at == chunks + 1 ? "\"stop\"" : "null";
    char choice[256];
    if (at == 0) snprintf(delta, sizeof delta, "\"role\":\"assistant\",\"content\":\"\"");
    else if (at <= chunks) snprintf(delta, sizeof delta, "\"content\":\"%sword%d\"", at > 1 ? " " : "", at);
    if (at <= chunks + 1) {
        snprintf(choice, sizeof choice,
                 "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]", delta, finish);
        choices = choice;
    } else if (wants_usage && at == chunks + 2) {
        snprintf(usage, sizeof usage, ",\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}",
                 PROMPT_TOKENS, chunks, PROMPT_TOKENS + chunks);
    }
    if (at == chunks + 2 + wants_usage) snprintf(body, sizeof body, "data: [DONE]\n\n");
    else
        snprintf(body, sizeof body,
                 "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1,"
                 "\"model\":\"mock-1\",%s%s}\n\n", choices, usage);
    return snprintf(out, room, "%zx\r\n%s\r\n", strlen(body), body);
}

static void stream_on(int fd) {
    static char out[1 << 20];
    Conn *conn = &conns[fd];
    size_t used = 0;
    int last = chunks + 2 + conn->wants_usage;
    if (conn->next == 0)
        used += (size_t)snprintf(out, sizeof out,
                                 "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                                 "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    do {
        used += (size_t)write_event(out + used, sizeof out - used, conn->next, conn->wants_usage);
        events++;
        conn->next++;
        /* As real servers do: the role comes with the first word, what ends the stream with the finish reason. */
    } while (conn->next <= last && (gap_ns == 0 || conn->next == 1 || conn->next > chunks + 1));
    if (conn->next > last) {
        used += (size_t)snprintf(out + used, sizeof out - used, "0\r\n\r\n");
        conn->next = -1;
        answered++;
    }
    conn->due_ns += gap_ns;
    put(fd, out, used);
}

static void serve(int fd, const char *head, const char *body) {
    char counts[96];
    if (strncmp(head, "GET ", 4) == 0) {
        snprintf(counts, sizeof counts, "{\"requests\":%llu,\"events\":%llu}", answered, events);
        put_whole(fd, counts);
    } else if (strstr(body, "\"stream\":true") || strstr(body, "\"stream\": true")) {
        conns[fd].next = 0;
        conns[fd].wants_usage = strstr(body, "\"include_usage\":true") || strstr(body, "\"include_usage\": true");
        conns[fd].due_ns = now_ns();
        stream_on(fd);
    } else {
        put_answer(fd);
    }
}

static void take_requests(int fd) {
    Conn *conn = &conns[fd];
    for (;;) {
        conn->in[conn->used] = 0;
        char *end = strstr(conn->in, "\r\n\r\n");
        if (!end) return;
        char *field = strcasestr(conn->in, "\r\ncontent-length:");
        size_t length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
        size_t whole = (size_t)(end + 4 - conn->in) + length;
        if (conn->used < whole) return;
        char kept = conn->in[whole];
        conn->in[whole] = 0;
        serve(fd, conn->in, end + 4);
        conn->in[whole] = kept;
        conn->used -= whole;
        memmove(conn->in, conn->in + whole, conn->used);
    }
}

static void read_from(int fd) {
    Conn *conn = &conns[fd];
    for (;;) {
        if (conn->room - conn->used < 4097) conn->in = realloc(conn->in, conn->room = conn->room * 2 + 8192);
        ssize_t got = recv(fd, conn->in + conn->used, conn->room - conn->used - 1, 0);
        if (got > 0) {
            conn->used += (size_t)got;
        } else if (got < 0 && errno == EAGAIN) {
            take_requests(fd);
            return;
        } else {
            drop(fd);
            return;
        }
    }
}

/* How long nothing is due: NULL when nothing is. */
static struct timespec *until_due(void) {
    static struct timespec wait;
    long long soonest = -1, now = now_ns();
    for (int fd = 0; fd <= highest; fd++)
        if (conns[fd].is_open && conns[fd].next >= 0 && (soonest < 0 || conns[fd].due_ns < soonest))
            soonest = conns[fd].due_ns;
    if (soonest < 0) return NULL;
    long long left = soonest > now ? soonest - now : 0;
    wait.tv_sec = left / 1000000000;
    wait.tv_nsec = left % 1000000000;
    return &wait;
}

static int listen_on(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1024)) {
        perror("mock");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int poller, int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        conns[fd].is_open = 1;
        conns[fd].next = -1;
        conns[fd].used = 0;
        if (fd > highest) highest = fd;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv) {
    if (argc != 4 || (chunks = atoi(argv[2])) < 1 || chunks > 4000) {
        fprintf(stderr, "usage: mock PORT CHUNKS(1..4000) GAP_US\n");
        return 2;
    }
    gap_ns = atoll(argv[3]) * 1000;
    signal(SIGPIPE, SIG_IGN);
    int poller = epoll_create1(0), listener = listen_on(atoi(argv[1]));
    struct epoll_event ready[256], event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_pwait2(poller, ready, 256, until_due(), NULL);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == listener) accept_all(poller, listener);
            else read_from(ready[i].data.fd);
        }
        long long now = now_ns();
        for (int fd = 0; fd <= highest; fd++)
            if (conns[fd].is_open && conns[fd].next >= 0 && conns[fd].due_ns <= now) stream_on(fd);
    }
}
