/// Damages bytes the way broken programs, disks and attackers do, the same way for the same seed.
///
/// Knows enough of how formats are built to get past their first checks: it moves numbers by one,
/// sets them to the edges of their types, copies parts of one sample into another, and repeats,
/// drops and exchanges pieces.
package struct Mutator {
    /// Numbers that lengths and counts go wrong at.
    private static let edges: [UInt64] = [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
    ]

    private var random: SeededGenerator
    private let words: [[UInt8]]

    /// A mutator.
    ///
    /// - Parameters:
    ///   - seed: Decides everything that follows.
    ///   - words: Pieces that mean something in the format, such as names or quotation marks.
    package init(seed: UInt64, words: [String] = []) {
        random = SeededGenerator(seed: seed)
        self.words = words.map { Array($0.utf8) }
    }

    /// A damaged copy of one of the samples, seldom the sample itself.
    package mutating func next(from samples: [[UInt8]], mostBytes: Int = 1 << 16) -> [UInt8] {
        guard var bytes = samples.randomElement(using: &random) else { return [] }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            damage(&bytes, samples)
        }
        return bytes.count > mostBytes ? Array(bytes[..<mostBytes]) : bytes
    }

    private mutating func damage(_ bytes: inout [UInt8], _ samples: [[UInt8]]) {
        guard !bytes.isEmpty else {
            bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in byte() }
            return
        }
        switch Int.random(in: 0..<11, using: &random) {
        case 0: bytes[place(bytes)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place(bytes)] = byte()
        case 2: bytes.removeSubrange(piece(bytes))
        case 3: bytes.removeSubrange(place(bytes)...)
        case 4: bytes.insert(contentsOf: bytes[piece(bytes)], at: place(bytes))
        case 5: bytes.insert(contentsOf: noise(), at: place(bytes))
        case 6: setNumber(in: &bytes)
        case 7: moveNumber(in: &bytes)
        case 8: splice(into: &bytes, samples)
        case 9: exchange(in: &bytes)
        default: insertWord(into: &bytes)
        }
    }

    private mutating func byte() -> UInt8 { UInt8.random(in: .min ... .max, using: &random) }

    private mutating func place(_ bytes: [UInt8]) -> Int {
        Int.random(in: bytes.indices, using: &random)
    }

    private mutating func piece(_ bytes: [UInt8]) -> Range<Int> {
        let start = place(bytes)
        let most = min(bytes.count - start, 64)
        return start..<start + Int.random(in: 0...most, using: &random)
    }

    private mutating func noise() -> [UInt8] {
        (0..<Int.random(in: 1...24, using: &random)).map { _ in byte() }
    }

    /// Writes a number at the edge of its type, in either byte order.
    private mutating func setNumber(in bytes: inout [UInt8]) {
        write(Self.edges.randomElement(using: &random) ?? 0, into: &bytes)
    }

    private mutating func write(_ number: UInt64, into bytes: inout [UInt8]) {
        let width = min([1, 2, 4, 8].randomElement(using: &random) ?? 1, bytes.count)
        let start = Int.random(in: 0...bytes.count - width, using: &random)
        let isBig = Bool.random(using: &random)
        for index in 0..<width {
            let shift = UInt64(8 * (isBig ? width - 1 - index : index))
            bytes[start + index] = UInt8(truncatingIfNeeded: number >> shift)
        }
    }

    /// Moves a little-endian number a little, or a byte that ends a carry.
    private mutating func moveNumber(in bytes: inout [UInt8]) {
        let start = place(bytes)
        let step = UInt8.random(in: 1...3, using: &random)
        bytes[start] = Bool.random(using: &random) ? bytes[start] &+ step : bytes[start] &- step
    }

    private mutating func splice(into bytes: inout [UInt8], _ samples: [[UInt8]]) {
        guard let other = samples.randomElement(using: &random), !other.isEmpty else { return }
        let part = other[piece(other)]
        let target = piece(bytes)
        bytes.replaceSubrange(target, with: part)
    }

    private mutating func exchange(in bytes: inout [UInt8]) {
        let first = place(bytes)
        let second = place(bytes)
        bytes.swapAt(first, second)
    }

    private mutating func insertWord(into bytes: inout [UInt8]) {
        guard let word = words.randomElement(using: &random) else {
            setNumber(in: &bytes)
            return
        }
        bytes.insert(contentsOf: word, at: place(bytes))
    }
}

/// Numbers of inputs that tests are told to try.
package enum FuzzInputs {
    /// How many inputs each parser is given: `CRISPYX_TEST_FUZZ_INPUTS`, or a few thousand.
    package static func count(_ usual: Int = 10_000) -> Int {
        TestVariables.number("CRISPYX_TEST_FUZZ_INPUTS") ?? usual
    }

    /// The seed: `CRISPYX_TEST_SEED`, or always the same.
    package static var seed: UInt64 {
        TestVariables.number("CRISPYX_TEST_SEED").map { UInt64(max($0, 0)) } ?? 1
    }
}
