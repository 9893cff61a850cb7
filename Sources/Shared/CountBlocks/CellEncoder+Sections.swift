// The writers of the parts of a cell's payload. The caller has made room for the largest cell and
// checked the genes.

extension CellEncoder {
    /// Writes one bit a gene; may touch up to seven bytes behind the bitmap.
    static func writeBitmap(
        _ genes: UnsafePointer<UInt32>,
        _ nonzeroCount: Int,
        _ byteCount: Int,
        to output: UnsafeMutablePointer<UInt8>
    ) {
        output.initialize(repeating: 0, count: byteCount)
        let words = UnsafeMutableRawPointer(output)
        // Bits are collected in a register: setting them one by one in memory waits for the
        // previous store to the same byte each time.
        var wordIndex = Int(genes[0] >> 6)
        var word: UInt64 = 0
        for i in 0..<nonzeroCount {
            let gene = genes[i]
            let index = Int(gene >> 6)
            if index != wordIndex {
                words.storeBytes(
                    of: word.littleEndian,
                    toByteOffset: wordIndex &* 8,
                    as: UInt64.self
                )
                wordIndex = index
                word = 0
            }
            word |= 1 &<< UInt64(gene & 63)
        }
        words.storeBytes(of: word.littleEndian, toByteOffset: wordIndex &* 8, as: UInt64.self)
    }

    /// Writes the number of skipped genes before each gene and returns the end.
    static func writeDeltas(
        _ genes: UnsafePointer<UInt32>,
        _ nonzeroCount: Int,
        to output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var output = output
        var nextGene: UInt32 = 0
        for i in 0..<nonzeroCount {
            let gene = genes[i]
            var skipped = gene &- nextGene
            nextGene = gene &+ 1
            while skipped >= UInt32(CellCoding.skipByte) {
                output.pointee = CellCoding.skipByte
                output += 1
                skipped &-= UInt32(CellCoding.skipByte)
            }
            output.pointee = UInt8(truncatingIfNeeded: skipped)
            output += 1
        }
        return output
    }

    /// Writes the nibbles and the counts that need more than a nibble, and returns the end.
    static func writeCounts(
        _ counts: UnsafePointer<UInt32>,
        _ nonzeroCount: Int,
        to output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var nibbles = output
        var large = output + CellCoding.nibbleByteCount(nonzeroCount: nonzeroCount)
        var i = 0
        while i &+ 1 < nonzeroCount {
            let first = counts[i] &- 1
            let second = counts[i &+ 1] &- 1
            if first | second < CellCoding.escapeNibble {
                nibbles.pointee = UInt8(truncatingIfNeeded: first | second &<< 4)
            } else {
                let low = nibble(of: first, large: &large)
                let high = nibble(of: second, large: &large)
                nibbles.pointee = UInt8(truncatingIfNeeded: low | high &<< 4)
            }
            nibbles += 1
            i &+= 2
        }
        if i < nonzeroCount {
            nibbles.pointee = UInt8(
                truncatingIfNeeded: nibble(of: counts[i] &- 1, large: &large)
            )
        }
        return large
    }

    /// The nibble of a count; a count that does not fit is written to `large`.
    private static func nibble(
        of countMinusOne: UInt32,
        large: inout UnsafeMutablePointer<UInt8>
    ) -> UInt32 {
        if countMinusOne < CellCoding.escapeNibble { return countMinusOne }
        let count = countMinusOne &+ 1
        precondition(count != 0, "a count of zero is not a nonzero")
        if count < CellCoding.firstWideCount {
            large.pointee = UInt8(truncatingIfNeeded: count &- CellCoding.firstByteCount)
            large += 1
        } else {
            large.pointee = CellCoding.wideByte
            UnsafeMutableRawPointer(large + 1)
                .storeBytes(of: count.littleEndian, as: UInt32.self)
            large += 5
        }
        return CellCoding.escapeNibble
    }
}
