/// How the counts or values of one cell become bytes.
///
/// A cell without nonzeros has no bytes. Any other cell has, in this order:
///
/// 1. One byte that names the form of the genes: ``deltaForm`` or ``bitmapForm``.
/// 2. The genes. Delta form: for each gene the number of genes skipped since the one before (since
///    the first gene of the screen for the first), as a byte 0...254, after one byte 255 for each
///    255 skipped. Bitmap form: one bit a gene, least significant bit first, padded with zero bits
///    to whole bytes.
/// 3. One nibble a nonzero, in gene order, low nibble first, padded with a zero nibble to whole
///    bytes: count - 1 when the count is at most 15, else 15.
/// 4. For each nibble 15, in order, count - 16 as one byte when the count is at most 270, else a
///    byte 255 and the count as `UInt32`, little-endian.
///
/// The form is the one with fewer bytes, the bitmap when they are equal, so that equal cells have
/// equal bytes.
///
/// A cell of floating-point values differs in what follows the genes:
///
/// - Dictionary: the number of distinct values - 1 as `UInt16`, the distinct values in strictly
///   ascending order, and then the rank of each nonzero's value among them, from 1, in the form
///   of counts (3 and 4 above). Normalised counts have as many distinct values in a cell as the
///   cell has distinct counts, and the same nibbles.
/// - Raw: the values one after the other. ``rawBit`` of the first byte says so.
///
/// The dictionary is used when it has at most ``dictionaryLimit`` values and takes fewer bytes
/// than the raw values. Values are little-endian, finite and not zero.
enum CellCoding {
    static let deltaForm: UInt8 = 0
    static let bitmapForm: UInt8 = 1

    /// Is set in the first byte of a cell whose values are not ranks in a dictionary.
    static let rawBit: UInt8 = 2

    /// The most values of a dictionary.
    static let dictionaryLimit = 1024

    /// Bytes in front of a dictionary that say how many values it has.
    static let dictionaryHeadByteCount = 2

    /// A delta byte that says "skip 255 and read on".
    static let skipByte: UInt8 = 255

    /// A nibble that says "the count stands behind the nibbles".
    static let escapeNibble: UInt32 = 15

    /// The smallest count that is stored in one byte behind the nibbles.
    static let firstByteCount: UInt32 = 16

    /// The byte behind the nibbles that says "the count follows in four bytes".
    static let wideByte: UInt8 = 255

    /// The smallest count that is stored in four bytes.
    static let firstWideCount: UInt32 = 271

    /// Bytes of a bitmap of so many genes.
    static func bitmapByteCount(geneCount: Int) -> Int {
        (geneCount + 7) >> 3
    }

    /// Bytes of the nibbles of so many counts.
    static func nibbleByteCount(nonzeroCount: Int) -> Int {
        (nonzeroCount + 1) >> 1
    }

    /// The most bytes that cells with so many nonzeros together can have.
    static func maximumByteCount(
        kind: SegmentHeader.Kind,
        cellCount: Int,
        nonzeroCount: Int,
        geneCount: Int
    ) -> Int {
        let genes = bitmapByteCount(geneCount: geneCount)
        if let valueByteCount = kind.valueByteCount {
            // A dictionary is never larger than the raw values.
            return cellCount * (1 + genes) + nonzeroCount * valueByteCount
        }
        // One byte for the form and up to half a byte of padding for each cell; half a byte and
        // up to five behind the nibbles for each nonzero.
        return cellCount * (2 + genes) + (nonzeroCount >> 1) + 5 * nonzeroCount
    }
}
