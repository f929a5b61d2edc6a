// What is counted in a text's characters and words, and what tables of learned weights say of its hashed n-grams.
// `survey.py` and `ngrams.py` are the same in Python and numpy.
//
// Called through ctypes with the interpreter's lock held, for about ten microseconds. Nothing is allocated, and every
// index is bounded here, whatever the caller says: the text is a stranger's.

#include <array>
#include <bitset>
#include <cmath>
#include <cstdint>
#include <cstring>

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

// The rows of the table that are added up. It has 2^(BITS - shift) of them.
struct Table {
    const float *weights;
    int shift;
    int columns;
};

// Adds one kind of n-gram: each distinct one counts 1/sqrt(n), n being how many there are.
class Part {
public:
    explicit Part(const Table &table) : table_(table) {}

    void add(std::uint64_t hash) {
        hash *= MIX;
        hash ^= hash >> 32;
        hash *= MIX;
        const auto bucket = static_cast<std::uint32_t>(hash >> (64 - BITS));
        if (seen_[bucket]) return;
        seen_[bucket] = true;
        ++count_;
        const float *row = table_.weights + static_cast<std::size_t>(bucket >> table_.shift) * table_.columns;
        for (int column = 0; column < table_.columns; ++column) sums_[column] += row[column];
    }

    void into(double *totals) const {
        const double weight = count_ ? 1 / std::sqrt(static_cast<double>(count_)) : 0;
        for (int column = 0; column < table_.columns; ++column) totals[column] += weight * sums_[column];
    }

private:
    const Table &table_;
    // A bit for each bucket: whoever chooses the text chooses the buckets too, and could fill one corner of a hash table.
    std::bitset<1 << BITS> seen_;
    int count_ = 0;
    double sums_[MOST_COLUMNS] = {};
};

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

// Raised by one whenever something below changes.
int shunt_abi() { return 2; }

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

// Adds up, for each column of the table, the weights of the n-grams of a text: its words, its pairs of words, and the
// runs of its code points, each folded by `folded`. False when the table is none.
int shunt_weigh(const std::uint32_t *points, int count, const std::uint8_t *words, int bytes, const std::uint16_t *folded,
                const float *weights, int bits, int columns, double *totals) {
    if (bits < 0 || bits > BITS || columns < 1 || columns > MOST_COLUMNS) return 0;
    const Table table{weights, BITS - bits, columns};
    for (int column = 0; column < columns; ++column) totals[column] = 0;

    std::uint32_t hashes[MOST_WORDS];
    const int said = hashes_of(words, bytes, hashes);
    Part singles(table);
    for (int at = 0; at < said; ++at) singles.add(hashes[at]);
    singles.into(totals);

    Part pairs(table);
    for (int at = 0; at + 1 < said; ++at) pairs.add(hashes[at] * PAIR + hashes[at + 1]);
    pairs.into(totals);

    const int read = count > MOST_POINTS ? MOST_POINTS : count;
    Part runs(table);
    std::uint64_t run = 0;
    for (int at = 0; at < read; ++at) {
        run = (run >> 16) | (static_cast<std::uint64_t>(folded[points[at] & PLANE]) << 48);
        if (at + 1 >= RUN) runs.add(run);
    }
    runs.into(totals);
    return 1;
}

}  // extern "C"
