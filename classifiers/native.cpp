// What is counted in a text's characters and words, what tables of learned weights say of its hashed n-grams, and the two
// heads over both. `survey.py`, `ngram_tables.py` and `heads.py` do the same in Python and numpy.
//
// Called through ctypes with the interpreter's lock held, for about ten microseconds. Nothing is allocated, and every
// index is bounded here, whatever the caller says: the text is a stranger's.

#include <array>
#include <bitset>
#include <cmath>
#include <cstdint>
#include <cstring>

extern "C" {

// 2^`bits` rows of learned weights, of which those of a text's n-grams are added up.
struct Table {
    const float *weights;
    std::int32_t bits, columns;
};

}  // extern "C"

namespace {

constexpr int BITS = 18;
constexpr int RUN = 4;
constexpr int MOST_WORDS = 1024;
constexpr int MOST_POINTS = 4096;
constexpr int MOST_COLUMNS = 32;
constexpr int MOST_KINDS = 256;
constexpr std::uint32_t PLANE = 0xFFFF;
constexpr std::uint64_t MIX = 0xD6E8FEB86659FD93u;
constexpr std::uint64_t PAIR = 0xC2B2AE3D27D4EB4Fu;

constexpr std::array<std::uint32_t, 256> crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
        table[byte] = crc;
    }
    return table;
}

constexpr auto CRC = crc_table();

// Keys that were seen, each once. Open addressing, never more than half full.
class Distinct {
public:
    explicit Distinct(int most) {
        while (size_ < 2 * most) size_ *= 2;
        std::memset(slots_, 0, sizeof(slots_[0]) * static_cast<std::size_t>(size_));
    }

    bool is_new(std::uint64_t key) {
        for (std::uint64_t at = key;; ++at) {
            std::uint64_t &slot = slots_[at & static_cast<std::uint64_t>(size_ - 1)];
            if (slot == key + 1) return false;
            if (slot == 0) {
                slot = key + 1;
                return true;
            }
        }
    }

private:
    int size_ = 16;
    std::uint64_t slots_[2 * MOST_POINTS];
};

// The distinct n-grams of one kind: the bucket of each, once.
class Part {
public:
    // `seen` has a bit for each bucket: whoever chooses the text chooses the buckets too, and could fill one corner of a
    // hash table. All bits are off before and after.
    explicit Part(std::bitset<1 << BITS> &seen) : seen_(seen) {}

    ~Part() {
        for (int at = 0; at < count_; ++at) seen_[buckets_[at]] = false;
    }

    void add(std::uint64_t hash, const Table *tables, int many) {
        hash *= MIX;
        hash ^= hash >> 32;
        hash *= MIX;
        const auto bucket = static_cast<std::uint32_t>(hash >> (64 - BITS));
        if (seen_[bucket]) return;
        seen_[bucket] = true;
        buckets_[count_++] = bucket;
        // The rows lie all over memory: to ask for all of them before the first is needed saves most of the wait.
        for (int table = 0; table < many; ++table) __builtin_prefetch(row_of(tables[table], bucket));
    }

    // Each counts 1/sqrt(n), n being how many there are.
    void into(const Table &table, double *totals) const {
        double sums[MOST_COLUMNS] = {};
        for (int at = 0; at < count_; ++at) {
            const float *row = row_of(table, buckets_[at]);
            for (int column = 0; column < table.columns; ++column) sums[column] += row[column];
        }
        const double weight = count_ ? 1 / std::sqrt(static_cast<double>(count_)) : 0;
        for (int column = 0; column < table.columns; ++column) totals[column] += weight * sums[column];
    }

private:
    static const float *row_of(const Table &table, std::uint32_t bucket) {
        return table.weights + static_cast<std::size_t>(bucket >> (BITS - table.bits)) * table.columns;
    }

    std::bitset<1 << BITS> &seen_;
    std::uint32_t buckets_[MOST_POINTS];
    int count_ = 0;
};

void into(const Part &part, const Table *tables, int many, double *totals) {
    for (int table = 0; table < many; totals += tables[table++].columns) part.into(tables[table], totals);
}

// CRC-32 of each word; words are parted by single spaces. Says how many there are.
int hashes_of(const std::uint8_t *words, int bytes, std::uint32_t *hashes) {
    int count = 0;
    for (int at = 0; at < bytes && count < MOST_WORDS; ++at) {
        std::uint32_t crc = 0xFFFFFFFFu;
        for (; at < bytes && words[at] != ' '; ++at) crc = CRC[(crc ^ words[at]) & 0xFF] ^ (crc >> 8);
        hashes[count++] = ~crc;
    }
    return count;
}

// What a code point is to the words of a text, as in `tokens.py`.
enum Class : std::uint8_t { GAP, WORD, SINGLE, UNKNOWN };

// Code points at [start, end).
struct Word {
    int start;
    int end;
    std::uint8_t kind;
};

std::uint32_t in_plane(std::uint32_t point) { return point > PLANE ? PLANE : point; }

// The words of a text, at most MOST_POINTS; -1 when the class of a code point is not known yet.
int words_of(const std::uint32_t *points, int count, const std::uint8_t *classes, Word *words) {
    int found = 0;
    for (int at = 0; at < count;) {
        const std::uint8_t kind = classes[in_plane(points[at])];
        if (kind == UNKNOWN) return -1;
        const int start = at++;
        if (kind == WORD)
            while (at < count && classes[in_plane(points[at])] == WORD) ++at;
        if (kind != GAP) words[found++] = {start, at, kind};
    }
    return found;
}

std::uint8_t *utf8(std::uint32_t point, std::uint8_t *out) {
    const auto tail = [point](int shift) { return static_cast<std::uint8_t>(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80) {
        *out++ = static_cast<std::uint8_t>(point);
    } else if (point < 0x800) {
        *out++ = static_cast<std::uint8_t>(0xC0 | (point >> 6));
        *out++ = tail(0);
    } else if (point <= PLANE) {
        *out++ = static_cast<std::uint8_t>(0xE0 | (point >> 12));
        *out++ = tail(6);
        *out++ = tail(0);
    } else {
        *out++ = static_cast<std::uint8_t>(0xF0 | ((point >> 18) & 0x07));
        *out++ = tail(12);
        *out++ = tail(6);
        *out++ = tail(0);
    }
    return out;
}

bool has(const std::uint32_t *hashes, int count, std::uint32_t hash) {
    for (int at = 0; at < count; ++at)
        if (hashes[at] == hash) return true;
    return false;
}

}  // namespace

extern "C" {

// What the survey goes by; filled in once by `survey.py`. `kinds` has the kind of mark of each code point of the plane,
// `groups` a row of `width` for each of the `rows` kinds of marks that are counted. The last five are in words or
// characters.
struct Plan {
    const std::uint8_t *classes;
    const std::uint16_t *folded;
    const std::uint8_t *kinds;
    const std::uint8_t *groups;
    const std::uint32_t *multiples;
    const std::uint32_t *negations;
    std::int32_t rows, width, many_multiples, many_negations;
    std::int32_t first, last, long_word, lead, tail;
};

// What is counted in the words; `survey.Tokens` has the same fields.
struct Counts {
    std::int32_t bytes, words, numeric, lettered, letters, longest, many_long, distinct, multiples, negations, head, tail;
};

// What answers: weights of the numbers of a text's shape, three bends of each (`origins` has three rows, `shape` three for
// each form), and of its structure, for the form `open` and for each task. No number counts beyond `bound`.
struct Heads {
    const double *origins, *steepness, *shape, *bias, *structure, *task_structure, *task_bias;
    double bound;
    std::int32_t forms, numbers, structural, tasks, open;
};

// Raised by one whenever something below changes.
int shunt_abi() { return 3; }

// Counts the marks of a text, writes its words to `out` (room for 5 bytes a code point), parted by single spaces, and
// counts what is in them. False when the class of a code point is not known yet.
int shunt_survey(const std::uint32_t *points, int given, const Plan *plan, std::int32_t *marks, std::uint8_t *out,
                 Counts *counts) {
    const int count = given > MOST_POINTS ? MOST_POINTS : given;
    Word words[MOST_POINTS];
    const int found = words_of(points, count, plan->classes, words);
    if (found < 0) return 0;

    std::int32_t seen[MOST_KINDS] = {};
    for (int at = 0; at < count; ++at) ++seen[plan->kinds[in_plane(points[at])]];
    for (int row = 0; row < plan->rows; ++row) {
        marks[row] = 0;
        for (int kind = 0; kind < plan->width && kind < MOST_KINDS; ++kind)
            marks[row] += plan->groups[row * plan->width + kind] * seen[kind];
    }

    *counts = {};
    Distinct distinct(found);
    const std::uint8_t *begin = out;
    int ends[MOST_POINTS];
    for (int at = 0; at < found; ++at) {
        if (found > plan->first + plan->last && at == plan->first) at = found - plan->last;
        if (out != begin) *out++ = ' ';
        const std::uint8_t *start = out;
        for (int place = words[at].start; place < words[at].end; ++place)
            out = utf8(points[place] > PLANE ? points[place] : plan->folded[points[place]], out);
        std::uint32_t crc = 0xFFFFFFFFu, fnv = 0x811C9DC5u;
        for (const std::uint8_t *byte = start; byte < out; ++byte) {
            crc = CRC[(crc ^ *byte) & 0xFF] ^ (crc >> 8);
            fnv = (fnv ^ *byte) * 0x01000193u;
        }
        crc = ~crc;
        const int length = words[at].end - words[at].start;
        ends[counts->words] = (counts->words ? ends[counts->words - 1] : 0) + static_cast<int>(out - start);
        ++counts->words;
        if (*start == '0') ++counts->numeric;
        if (*start == '0' || words[at].kind != WORD) continue;
        ++counts->lettered;
        counts->letters += length;
        counts->longest = length > counts->longest ? length : counts->longest;
        counts->many_long += length > plan->long_word;
        counts->distinct += distinct.is_new((static_cast<std::uint64_t>(fnv) << 31) ^ crc);
        counts->multiples += has(plan->multiples, plan->many_multiples, crc);
        counts->negations += has(plan->negations, plan->many_negations, crc);
    }
    counts->bytes = static_cast<std::int32_t>(out - begin);
    if (counts->words) {
        const int total = ends[counts->words - 1];
        const double density = static_cast<double>(total) / count;
        while (counts->head < counts->words && ends[counts->head] < plan->lead * density) ++counts->head;
        while (counts->tail < counts->words && ends[counts->tail] < total - plan->tail * density) ++counts->tail;
        ++counts->head;
        ++counts->tail;
    }
    return 1;
}

// Adds up, for each column of each table in turn, the weights of the n-grams of a text: its words, its pairs of words, and
// the runs of its code points, each folded by `folded`. False when a table is none.
int shunt_weigh(const std::uint32_t *points, int count, const std::uint8_t *words, int bytes, const std::uint16_t *folded,
                const Table *tables, int many, double *totals) {
    int columns = 0;
    for (int table = 0; table < many; ++table) {
        const Table &each = tables[table];
        if (each.bits < 0 || each.bits > BITS || each.columns < 1 || each.columns > MOST_COLUMNS) return 0;
        columns += each.columns;
    }
    for (int column = 0; column < columns; ++column) totals[column] = 0;

    std::bitset<1 << BITS> seen;
    std::uint32_t hashes[MOST_WORDS];
    const int said = hashes_of(words, bytes, hashes);
    {
        Part singles(seen);
        for (int at = 0; at < said; ++at) singles.add(hashes[at], tables, many);
        into(singles, tables, many, totals);
    }
    {
        Part pairs(seen);
        for (int at = 0; at + 1 < said; ++at) pairs.add(hashes[at] * PAIR + hashes[at + 1], tables, many);
        into(pairs, tables, many, totals);
    }
    Part runs(seen);
    const int read = count > MOST_POINTS ? MOST_POINTS : count;
    std::uint64_t run = 0;
    for (int at = 0; at < read; ++at) {
        run = (run >> 16) | (static_cast<std::uint64_t>(folded[points[at] & PLANE]) << 48);
        if (at + 1 >= RUN) runs.add(run, tables, many);
    }
    into(runs, tables, many, totals);
    return 1;
}

// Log-odds that the large model is needed, then a probability for each task. `given` has a sum of n-grams' weights for each
// of these, then the numbers of the shape, then those of the structure. False when the form is none.
int shunt_answer(const Heads *heads, int form, const double *given, double *out) {
    if (form < 0 || form >= heads->forms) return 0;
    const int count = heads->numbers, tasks = heads->tasks;
    const double *numbers = given + 1 + tasks, *structure = numbers + count;

    double need = given[0] + heads->bias[form];
    for (int bend = 0; bend < 3; ++bend)
        for (int at = 0; at < count; ++at) {
            const double value = (numbers[at] - heads->origins[bend * count + at]) * heads->steepness[at];
            const double kept = std::fmin(std::fmax(value, bend ? 0 : -heads->bound), heads->bound);
            need += kept * heads->shape[(form * 3 + bend) * count + at];
        }
    double *odds = out + 1;
    for (int task = 0; task < tasks; ++task) odds[task] = given[1 + task] + heads->task_bias[task];
    for (int at = 0; at < heads->structural; ++at) {
        if (structure[at] == 0) continue;  // nearly all are
        if (form == heads->open) need += structure[at] * heads->structure[at];
        for (int task = 0; task < tasks; ++task) odds[task] += structure[at] * heads->task_structure[at * tasks + task];
    }
    double most = odds[0], total = 0;
    for (int task = 1; task < tasks; ++task) most = std::fmax(most, odds[task]);
    for (int task = 0; task < tasks; ++task) total += odds[task] = std::exp(odds[task] - most);
    for (int task = 0; task < tasks; ++task) odds[task] /= total;
    out[0] = need;
    return 1;
}

}  // extern "C"
