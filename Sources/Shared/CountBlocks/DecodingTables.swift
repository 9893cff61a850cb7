/// Look-up tables of ``CellDecoder``.
///
/// Pointers rather than arrays, so that the loops over nonzeros neither check bounds nor count
/// references.
// Unchecked because of the pointers: the tables are written before `shared` is published, never
// changed and never freed.
struct DecodingTables: @unchecked Sendable {
    /// The only instance.
    static let shared = DecodingTables()

    /// For each byte the two counts of its nibbles as they lie in memory, low nibble first.
    let nibblePairs: UnsafePointer<UInt64>

    /// For each byte the positions of its bits in ascending order; zeros follow.
    let bitPositions: UnsafePointer<SIMD8<UInt8>>

    /// For each byte its number of bits.
    let bitCounts: UnsafePointer<UInt8>

    private init() {
        let nibblePairs = UnsafeMutablePointer<UInt64>.allocate(capacity: 256)
        let bitPositions = UnsafeMutablePointer<SIMD8<UInt8>>.allocate(capacity: 256)
        let bitCounts = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        for byte in 0..<256 {
            let pair = UInt64(byte & 15) + 1 | (UInt64(byte >> 4) + 1) << 32
            (nibblePairs + byte).initialize(to: pair)
            var positions = SIMD8<UInt8>()
            var found = 0
            for bit in 0..<8 where byte >> bit & 1 == 1 {
                positions[found] = UInt8(bit)
                found += 1
            }
            (bitPositions + byte).initialize(to: positions)
            (bitCounts + byte).initialize(to: UInt8(found))
        }
        self.nibblePairs = UnsafePointer(nibblePairs)
        self.bitPositions = UnsafePointer(bitPositions)
        self.bitCounts = UnsafePointer(bitCounts)
    }
}
