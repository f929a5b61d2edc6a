// What a table of learned weights says of a text's hashed n-grams, in one pass; `ngrams.py` is the same in numpy.
//
// Called through ctypes with the interpreter's lock held, for about ten microseconds. Nothing is allocated, and every
// index is bounded here, whatever the caller says: the text is a stranger's.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

constexpr int BITS = 18;
constexpr int RUN = 4;
constexpr int MOST_WORDS = 1024;
constexpr int MOST_POINTS = 4096;
constexpr int MOST_COLUMNS = 32;
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

// Every bucket of one kind of n-gram, each once. Open addressing, never more than half full.
class Distinct {
public:
    explicit Distinct(int most) {
        while (size_ < 2 * most) size_ *= 2;
        std::memset(slots_, 0, sizeof(slots_[0]) * static_cast<std::size_t>(size_));
    }

    bool is_new(std::uint32_t bucket) {
        for (std::uint32_t at = bucket;; ++at) {
            std::uint32_t &slot = slots_[at & static_cast<std::uint32_t>(size_ - 1)];
            if (slot == bucket + 1) return false;
            if (slot == 0) {
                slot = bucket + 1;
                return true;
            }
        }
    }

private:
    int size_ = 16;
    std::uint32_t slots_[2 * MOST_POINTS];
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
    Part(const Table &table, int most) : table_(table), seen_(most) {}

    void add(std::uint64_t hash) {
        hash *= MIX;
        hash ^= hash >> 32;
        hash *= MIX;
        const auto bucket = static_cast<std::uint32_t>(hash >> (64 - BITS));
        if (!seen_.is_new(bucket)) return;
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
    Distinct seen_;
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

}  // namespace

extern "C" {

// Raised by one whenever a signature below changes.
int shunt_ngrams_abi() { return 1; }

// The marks among `count` code points: `kinds` has the kind of each of 2^16, all beyond being of the last one's, and
// `groups` a row of `width` for each of the `rows` numbers that are counted.
void shunt_marks(const std::uint32_t *points, int count, const std::uint8_t *kinds, const std::uint8_t *groups, int rows,
                 int width, std::int64_t *marks) {
    std::int64_t found[256] = {};
    for (int at = 0; at < count; ++at) ++found[kinds[points[at] > 0xFFFF ? 0xFFFF : points[at]]];
    for (int row = 0; row < rows; ++row) {
        marks[row] = 0;
        for (int kind = 0; kind < width && kind < 256; ++kind) marks[row] += groups[row * width + kind] * found[kind];
    }
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
    Part singles(table, said);
    for (int at = 0; at < said; ++at) singles.add(hashes[at]);
    singles.into(totals);

    Part pairs(table, said);
    for (int at = 0; at + 1 < said; ++at) pairs.add(hashes[at] * PAIR + hashes[at + 1]);
    pairs.into(totals);

    const int read = count > MOST_POINTS ? MOST_POINTS : count;
    Part runs(table, read);
    std::uint64_t run = 0;
    for (int at = 0; at < read; ++at) {
        run = (run >> 16) | (static_cast<std::uint64_t>(folded[points[at] & 0xFFFF]) << 48);
        if (at + 1 >= RUN) runs.add(run);
    }
    runs.into(totals);
    return 1;
}

}  // extern "C"
