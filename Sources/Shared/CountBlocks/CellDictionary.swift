/// Finds the distinct values of one cell and the rank of each nonzero's value among them.
///
/// A hash table with open addressing, keyed by the bits of the values. It has four times as many
/// slots as a dictionary may have values, and of a cell only the slots in use are ever touched, so
/// that it stays in the nearest cache. Memory is kept from cell to cell. Belongs to one thread.
final class CellDictionary {
    private static let slotBits: UInt64 = 12
    private static let slotCount = 1 << Int(slotBits)

    /// The bits of the value in each slot; 0, which no value has, in a free one.
    private let keys: UnsafeMutablePointer<UInt64>

    /// Rank of the value in each slot, from 1; 0 in a free one.
    private let rankOfSlot: UnsafeMutablePointer<UInt32>

    /// Slots in use.
    private let usedSlots: UnsafeMutablePointer<Int>

    /// The distinct values as ``ExpressionValue/orderedBits``, ascending after ``rank(_:_:)``.
    private let ordered: UnsafeMutablePointer<UInt64>

    /// Number of distinct values of the cell.
    private(set) var distinctCount = 0

    /// Bytes behind the nibbles that the ranks take.
    private(set) var largeRankByteCount = 0

    private var rankBuffer = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: 1 << 12)

    init() {
        keys = .allocate(capacity: Self.slotCount)
        keys.initialize(repeating: 0, count: Self.slotCount)
        rankOfSlot = .allocate(capacity: Self.slotCount)
        rankOfSlot.initialize(repeating: 0, count: Self.slotCount)
        usedSlots = .allocate(capacity: CellCoding.dictionaryLimit)
        usedSlots.initialize(repeating: 0, count: CellCoding.dictionaryLimit)
        ordered = .allocate(capacity: CellCoding.dictionaryLimit)
        ordered.initialize(repeating: 0, count: CellCoding.dictionaryLimit)
        rankBuffer.initialize(repeating: 0)
    }

    deinit {
        keys.deallocate()
        rankOfSlot.deallocate()
        usedSlots.deallocate()
        ordered.deallocate()
        rankBuffer.deallocate()
    }

    /// Ranks the values of a cell and returns the ranks, from 1; shape `[count]`.
    ///
    /// Nil when there are too many distinct values for a dictionary, or so many that it would not
    /// be smaller than the values themselves. All values must be finite and not zero.
    func rank<Value: ExpressionValue>(
        _ values: UnsafePointer<Value>,
        _ count: Int
    ) -> UnsafePointer<UInt32>? {
        if rankBuffer.count < count {
            rankBuffer.deallocate()
            rankBuffer = .allocate(capacity: max(count, 2 * rankBuffer.count))
            rankBuffer.initialize(repeating: 0)
        }
        guard let ranks = rankBuffer.baseAddress else { return nil }
        defer { clear() }
        let rawByteCount = count * Value.byteCount
        let otherByteCount =
            CellCoding.dictionaryHeadByteCount + CellCoding.nibbleByteCount(nonzeroCount: count)
        let affordable = max(rawByteCount - otherByteCount - 1, 0) / Value.byteCount
        guard findSlots(values, count, ranks, limit: min(affordable, CellCoding.dictionaryLimit))
        else { return nil }
        sortDistinct()
        for i in 0..<distinctCount {
            let bits = Value(orderedBits: ordered[i]).wideBits
            let slot = slot(of: bits, from: Self.firstSlot(of: bits))
            rankOfSlot[slot] = UInt32(truncatingIfNeeded: i &+ 1)
        }
        replaceSlots(ranks, count)
        return largeRankByteCount + distinctCount * Value.byteCount + otherByteCount < rawByteCount
            ? UnsafePointer(ranks) : nil
    }

    /// Writes the distinct values of the ranked cell and returns the end.
    func write<Value: ExpressionValue>(
        _: Value.Type,
        to output: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let head = UInt16(truncatingIfNeeded: distinctCount - 1)
        var output = UnsafeMutableRawPointer(output)
        output.storeBytes(of: head.littleEndian, as: UInt16.self)
        output += CellCoding.dictionaryHeadByteCount
        for i in 0..<distinctCount {
            output.storeBytes(of: Value(orderedBits: ordered[i]), as: Value.self)
            output += Value.byteCount
        }
        return output.assumingMemoryBound(to: UInt8.self)
    }

    /// Gives every distinct value a slot and notes each nonzero's; false when there are too many.
    private func findSlots<Value: ExpressionValue>(
        _ values: UnsafePointer<Value>,
        _ count: Int,
        _ slots: UnsafeMutablePointer<UInt32>,
        limit: Int
    ) -> Bool {
        distinctCount = 0
        // Local, so that it need not be loaded again after every store.
        let keys = keys
        for i in 0..<count {
            let value = values[i]
            let bits = value.wideBits
            let first = Self.firstSlot(of: bits)
            slots[i] = UInt32(truncatingIfNeeded: first)
            if keys[first] == bits { continue }
            guard let slot = findOrInsert(value, from: first, limit: limit) else { return false }
            slots[i] = UInt32(truncatingIfNeeded: slot)
        }
        return true
    }

    /// The slot of a value that is not in the first one it could be in; nil when it is new and
    /// there are too many already.
    @inline(never)
    @specialized(where Value == Float)
    @specialized(where Value == Double)
    private func findOrInsert<Value: ExpressionValue>(
        _ value: Value,
        from first: Int,
        limit: Int
    ) -> Int? {
        let bits = value.wideBits
        let slot = slot(of: bits, from: first)
        if keys[slot] == bits { return slot }
        guard distinctCount < limit else { return nil }
        precondition(value.isStorable, "the value \(value) is not stored")
        keys[slot] = bits
        usedSlots[distinctCount] = slot
        ordered[distinctCount] = value.orderedBits
        distinctCount += 1
        return slot
    }

    /// The slot in which a value is looked for first.
    @inline(__always)
    private static func firstSlot(of bits: UInt64) -> Int {
        // Multiplying with 2^64 / golden ratio spreads values that differ in any bits (Knuth,
        // The Art of Computer Programming 3, 6.4).
        Int(truncatingIfNeeded: (bits &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- slotBits))
    }

    /// The slot that has a value, else the free one where it belongs.
    private func slot(of bits: UInt64, from first: Int) -> Int {
        var slot = first
        while keys[slot] != bits, keys[slot] != 0 {
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return slot
    }

    /// Sorts the distinct values.
    ///
    /// Source: Shell (1959) with the gaps of Ciura (2001). With the few values of most cells it
    /// is insertion sort; unlike the library's it allocates nothing.
    private func sortDistinct() {
        var gapIndex = 0
        while gapIndex < 7 {
            let gap =
                switch gapIndex {
                case 0: 301
                case 1: 132
                case 2: 57
                case 3: 23
                case 4: 10
                case 5: 4
                default: 1
                }
            gapIndex &+= 1
            var i = gap
            while i < distinctCount {
                let value = ordered[i]
                var place = i
                while place >= gap, ordered[place &- gap] > value {
                    ordered[place] = ordered[place &- gap]
                    place &-= gap
                }
                ordered[place] = value
                i &+= 1
            }
        }
    }

    /// Replaces each nonzero's slot by its rank and counts the bytes that large ranks take.
    private func replaceSlots(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int) {
        largeRankByteCount = 0
        let rankOfSlot = rankOfSlot
        guard distinctCount >= CellCoding.firstByteCount else {
            for i in 0..<count { ranks[i] = rankOfSlot[Int(ranks[i])] }
            return
        }
        var large = 0
        var wide = 0
        for i in 0..<count {
            let rank = rankOfSlot[Int(ranks[i])]
            ranks[i] = rank
            large &+= rank >= CellCoding.firstByteCount ? 1 : 0
            wide &+= rank >= CellCoding.firstWideCount ? 1 : 0
        }
        largeRankByteCount = large + 4 * wide
    }

    private func clear() {
        for i in 0..<distinctCount {
            keys[usedSlots[i]] = 0
            rankOfSlot[usedSlots[i]] = 0
        }
    }
}
