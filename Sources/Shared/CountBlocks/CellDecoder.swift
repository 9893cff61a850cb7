/// Decodes the payloads of cells, trusting nothing about the bytes.
///
/// Reads only inside `bytes`. Writes up to ``slack`` elements behind the last nonzero of a cell,
/// so the output has that much room to spare.
struct CellDecoder {
    /// Elements that may be written behind a cell's last one.
    static let slack = 16

    private let bytes: UnsafePointer<UInt8>
    private let end: Int
    private let geneCount: Int
    private let bitmapByteCount: Int
    private let tables = DecodingTables.shared

    /// Offset of the next cell's first byte.
    private(set) var position = 0

    init(bytes: UnsafePointer<UInt8>, count: Int, geneCount: Int) {
        self.bytes = bytes
        self.geneCount = geneCount
        end = count
        bitmapByteCount = CellCoding.bitmapByteCount(geneCount: geneCount)
    }

    /// Decodes the next cell; `nonzeroCount` is at least 1.
    mutating func decode(
        nonzeroCount: Int,
        genes: UnsafeMutablePointer<UInt32>,
        counts: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        guard position < end else { return .truncated }
        let form = bytes[position]
        position += 1
        return decodeGenes(form, nonzeroCount, genes) ?? decodeCounts(nonzeroCount, counts)
    }

    /// Decodes the next cell of values; `nonzeroCount` is at least 1.
    ///
    /// `ranks` has room for `nonzeroCount` and ``slack`` elements; what it holds afterwards is of
    /// no use. Nothing is written behind the last of `values`.
    @specialized(where Value == Float)
    @specialized(where Value == Double)
    mutating func decode<Value: ExpressionValue>(
        nonzeroCount: Int,
        genes: UnsafeMutablePointer<UInt32>,
        values: UnsafeMutablePointer<Value>,
        ranks: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        guard position < end else { return .truncated }
        let form = bytes[position]
        position += 1
        let isRaw = form & CellCoding.rawBit != 0
        let geneForm = form & ~CellCoding.rawBit
        guard geneForm == CellCoding.bitmapForm || geneForm == CellCoding.deltaForm else {
            return .unknownForm(form)
        }
        if let damage = decodeGenes(geneForm, nonzeroCount, genes) { return damage }
        if isRaw { return decodeRawValues(nonzeroCount, values) }
        return withUnsafeTemporaryAllocation(
            of: Value.self,
            capacity: CellCoding.dictionaryLimit + 1
        ) { dictionary in
            guard let dictionary = dictionary.baseAddress else { return .truncated }
            return decodeRankedValues(nonzeroCount, values, ranks, dictionary)
        }
    }

    private mutating func decodeGenes(
        _ form: UInt8,
        _ nonzeroCount: Int,
        _ genes: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        switch form {
        case CellCoding.bitmapForm: decodeBitmap(nonzeroCount, genes)
        case CellCoding.deltaForm: decodeDeltas(nonzeroCount, genes)
        default: .unknownForm(form)
        }
    }

    private mutating func decodeRawValues<Value: ExpressionValue>(
        _ nonzeroCount: Int,
        _ values: UnsafeMutablePointer<Value>
    ) -> CellDamage? {
        guard nonzeroCount <= (end - position) / Value.byteCount else { return .truncated }
        let byteCount = nonzeroCount * Value.byteCount
        UnsafeMutableRawPointer(values).copyMemory(from: bytes + position, byteCount: byteCount)
        position += byteCount
        return Value.damage(of: values, nonzeroCount)
    }

    private mutating func decodeRankedValues<Value: ExpressionValue>(
        _ nonzeroCount: Int,
        _ values: UnsafeMutablePointer<Value>,
        _ ranks: UnsafeMutablePointer<UInt32>,
        _ dictionary: UnsafeMutablePointer<Value>
    ) -> CellDamage? {
        guard end - position >= CellCoding.dictionaryHeadByteCount else { return .truncated }
        let distinctCount = Int(bytes[position]) + Int(bytes[position + 1]) << 8 + 1
        position += CellCoding.dictionaryHeadByteCount
        let allowed = min(nonzeroCount, CellCoding.dictionaryLimit)
        guard distinctCount <= allowed else {
            return .dictionaryTooLarge(values: distinctCount, allowed: allowed)
        }
        // Ranks begin at 1, so the first place is not used.
        dictionary.initialize(to: 0)
        if let damage = decodeRawValues(distinctCount, dictionary + 1) { return damage }
        for i in 1..<distinctCount where dictionary[i] >= dictionary[i + 1] {
            return .dictionaryNotAscending(position: i)
        }
        if let damage = decodeCounts(nonzeroCount, ranks) { return damage }
        // The dictionary is read at the ranks, so all of them are looked at first.
        var largest: UInt32 = 0
        for i in 0..<nonzeroCount { largest = max(largest, ranks[i]) }
        guard largest <= distinctCount else {
            return .rankOutOfRange(rank: largest, values: distinctCount)
        }
        for i in 0..<nonzeroCount { values[i] = dictionary[Int(ranks[i])] }
        return nil
    }

    private mutating func decodeBitmap(
        _ nonzeroCount: Int,
        _ genes: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        guard bitmapByteCount <= end - position else { return .truncated }
        let bitmap = bytes + position
        position += bitmapByteCount
        let usedBits = geneCount & 7
        if usedBits != 0, bitmap[bitmapByteCount - 1] >> UInt8(usedBits) != 0 {
            return .geneOutOfRange
        }
        // Counted before anything is written: it is what keeps the writes inside the output.
        let wordCount = bitmapByteCount >> 3
        let words = UnsafeRawPointer(bitmap)
        var bits = 0
        for i in 0..<wordCount {
            bits &+= words.loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self).nonzeroBitCount
        }
        for i in wordCount &* 8..<bitmapByteCount {
            bits &+= bitmap[i].nonzeroBitCount
        }
        guard bits == nonzeroCount else {
            return .bitmapCountMismatch(bits: bits, nonzeros: nonzeroCount)
        }
        // No branch depends on the bits: eight genes are written for every byte, and the next
        // byte's overwrite those that were too many.
        var output = genes
        var firstGene: UInt32 = 0
        for i in 0..<bitmapByteCount {
            let byte = Int(bitmap[i])
            let positions = SIMD8<UInt32>(truncatingIfNeeded: tables.bitPositions[byte])
            UnsafeMutableRawPointer(output)
                .storeBytes(of: positions &+ firstGene, as: SIMD8<UInt32>.self)
            output += Int(tables.bitCounts[byte])
            firstGene &+= 8
        }
        return nil
    }

    private mutating func decodeDeltas(
        _ nonzeroCount: Int,
        _ genes: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        var nextGene = 0
        var i = 0
        var position = position
        while i < nonzeroCount {
            guard position < end else { return .truncated }
            let byte = bytes[position]
            position &+= 1
            nextGene &+= Int(byte)
            if byte == CellCoding.skipByte { continue }
            genes[i] = UInt32(truncatingIfNeeded: nextGene)
            nextGene &+= 1
            i &+= 1
        }
        self.position = position
        // Genes ascend by construction, so the last one speaks for all.
        return nextGene <= geneCount ? nil : .geneOutOfRange
    }

    private mutating func decodeCounts(
        _ nonzeroCount: Int,
        _ counts: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        let byteCount = CellCoding.nibbleByteCount(nonzeroCount: nonzeroCount)
        guard byteCount <= end - position else { return .truncated }
        let nibbles = bytes + position
        position += byteCount
        if nonzeroCount & 1 == 1, nibbles[byteCount - 1] >> 4 != 0 { return .paddingNotZero }

        let output = UnsafeMutableRawPointer(counts)
        let wordCount = byteCount >> 3
        for i in 0..<wordCount {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(nibbles)
                    .loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self)
            )
            let group = output + i &* 64
            for byte in 0..<8 {
                let pair = tables.nibblePairs[Int((word &>> UInt64(byte &* 8)) & 255)]
                group.storeBytes(of: pair, toByteOffset: byte &* 8, as: UInt64.self)
            }
            let escapes = word & word &>> 1 & word &>> 2 & word &>> 3 & 0x1111_1111_1111_1111
            if escapes != 0, let damage = decodeLargeCounts(escapes, counts + i &* 16) {
                return damage
            }
        }
        for i in wordCount &* 8..<byteCount {
            let byte = UInt64(nibbles[i])
            output.storeBytes(
                of: tables.nibblePairs[Int(byte)],
                toByteOffset: i &* 8,
                as: UInt64.self
            )
            let escapes = byte & byte &>> 1 & byte &>> 2 & byte &>> 3 & 0x11
            if escapes != 0, let damage = decodeLargeCounts(escapes, counts + i &* 2) {
                return damage
            }
        }
        return nil
    }

    /// Replaces the counts of nibbles 15; `escapes` has a bit at each such nibble's lowest bit.
    private mutating func decodeLargeCounts(
        _ escapes: UInt64,
        _ counts: UnsafeMutablePointer<UInt32>
    ) -> CellDamage? {
        var escapes = escapes
        while escapes != 0 {
            let i = escapes.trailingZeroBitCount >> 2
            escapes &= escapes &- 1
            guard position < end else { return .truncated }
            let byte = bytes[position]
            position &+= 1
            if byte != CellCoding.wideByte {
                counts[i] = CellCoding.firstByteCount &+ UInt32(byte)
                continue
            }
            guard end - position >= 4 else { return .truncated }
            let count = UInt32(
                littleEndian: UnsafeRawPointer(bytes)
                    .loadUnaligned(fromByteOffset: position, as: UInt32.self)
            )
            position &+= 4
            guard count >= CellCoding.firstWideCount else { return .countOutOfRange(count) }
            counts[i] = count
        }
        return nil
    }
}
