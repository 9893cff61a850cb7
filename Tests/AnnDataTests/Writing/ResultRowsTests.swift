import AnnData
import ComputeThreads
import Glibc
import HDF5
import Synchronization
import Testing

@Suite("Writing rows past the library")
struct ResultRowsTests {
    private let folder = WritingFolder()

    private func create() throws -> (String, ResultFileMap) {
        let path = folder.file("r.h5ad")
        return (path, try ResultFile.create(path: path, layout: .example()))
    }

    @Test("rows and statuses come back through the library and byte for byte")
    func roundTrip() throws {
        let (path, map) = try create()
        let rows = try ResultRows(path: path, map: map)
        let values = [1.5, -0.0, .infinity, 0.1]
        try rows.write(layer: 0, row: 1, values: values)
        try values.withUnsafeBytes { try rows.write(layer: 1, row: 2, $0) }
        try rows.write(layer: 2, row: 0, values: values)
        try rows.fill(layer: 1, row: 0, with: 0.25)
        try rows.setStatus(row: 1, code: 0)
        try rows.setStatus(row: 2, code: 2)
        try rows.synchronize()
        #expect(try rows.read(layer: 0, row: 1) == values.withUnsafeBytes { [UInt8]($0) })
        #expect(try rows.statusCodes() == [-1, 0, 2])

        let root = try HDF5File(opening: path).root
        let zeros = [Double](repeating: 0, count: 4)
        #expect(try root.dataset("X").readAll(Double.self) == zeros + values + zeros)
        #expect(
            try root.dataset("layers/pvalue").readAll(Double.self)
                == [Double](repeating: 0.25, count: 4) + zeros + values
        )
        #expect(
            try root.dataset("layers/pts").readAll(Float.self).prefix(4).map(Double.init)
                == values.map { Double(Float($0)) }
        )
        #expect(try ResultReader(path: path).statuses == [nil, "complete", "quarantined"])
    }

    @Test("a perturbation that could not be fitted has NaN in doubles and 0 in singles")
    func failedRow() throws {
        let (path, map) = try create()
        let rows = try ResultRows(path: path, map: map)
        for layer in 0..<3 { try rows.fill(layer: layer, row: 2, with: 7) }
        try rows.fillFailed(row: 2)
        let reader = try ResultReader(path: path)
        #expect(try reader.row(2, of: "X").allSatisfy(\.isNaN))
        #expect(try reader.row(2, of: "pvalue").allSatisfy(\.isNaN))
        #expect(try reader.row(2, of: "pts") == [0, 0, 0, 0])
        #expect(try reader.row(1, of: "X") == [0, 0, 0, 0])
    }

    @Test("many threads write different rows of one file")
    func manyThreads() throws {
        var layout = ResultLayout.example()
        layout.perturbations = (0..<200).map { "p\($0)" }
        let path = folder.file("r.h5ad")
        let rows = try ResultRows(
            path: path,
            map: ResultFile.create(path: path, layout: layout)
        )
        let failures = Mutex(0)
        ThreadTeam(threadCount: 4).forEach(200) { row in
            do {
                try rows.write(layer: 1, row: row, values: (0..<4).map { Double(row * 4 + $0) })
                try rows.setStatus(row: row, code: Int8(row % 3))
            } catch {
                failures.withLock { $0 += 1 }
            }
        }
        #expect(failures.withLock { $0 } == 0)
        #expect(try ResultReader(path: path).layer("pvalue") == (0..<800).map(Double.init))
        #expect(try rows.statusCodes() == (0..<200).map { Int8($0 % 3) })
    }

    @Test("a file of another size is not written into")
    func wrongSize() throws {
        let (path, map) = try create()
        truncate(path, off_t(map.byteCount - 1))
        #expect(
            throws: AnnDataWriteError.wrongSize(
                path: path,
                actualBytes: map.byteCount - 1,
                expectedBytes: map.byteCount
            )
        ) { try ResultRows(path: path, map: map) }
        unlink(path)
        #expect(throws: AnnDataWriteError.self) { try ResultRows(path: path, map: map) }
    }

    @Test("a map that points outside its file is refused")
    func damagedMap() throws {
        let (path, map) = try create()
        let layer = map.layers[0]
        for offset in [-8, 0, map.byteCount - 8, Int.max] {
            let damaged = ResultFileMap(
                rowCount: map.rowCount,
                geneCount: map.geneCount,
                layers: [.init(name: layer.name, element: layer.element, offset: offset)],
                statusOffset: map.statusOffset,
                byteCount: map.byteCount
            )
            #expect(throws: AnnDataWriteError.self) { try ResultRows(path: path, map: damaged) }
        }
        let huge = ResultFileMap(
            rowCount: Int.max / 2,
            geneCount: 4,
            layers: map.layers,
            statusOffset: map.statusOffset,
            byteCount: map.byteCount
        )
        #expect(throws: AnnDataWriteError.self) { try ResultRows(path: path, map: huge) }
    }

    @Test("a full disk and a broken descriptor are told apart")
    func diskErrors() throws {
        let (_, map) = try create()
        let full = ResultRows(descriptor: open("/dev/full", O_RDWR), path: "full", map: map)
        var error = #expect(throws: AnnDataWriteError.self) {
            try full.write(layer: 0, row: 0, values: [1, 2, 3, 4])
        }
        guard case .diskFull = error else {
            Issue.record("expected a full disk, got \(String(describing: error))")
            return
        }
        #expect(throws: AnnDataWriteError.self) { try full.setStatus(row: 0, code: 1) }
        let readOnly = ResultRows(descriptor: open("/dev/null", O_RDONLY), path: "null", map: map)
        error = #expect(throws: AnnDataWriteError.self) {
            try readOnly.fillFailed(row: 1)
        }
        guard case .operationFailed("null", "writing", _) = error else {
            Issue.record("expected a failed write, got \(String(describing: error))")
            return
        }
        // The end of the file comes before the row.
        #expect(throws: AnnDataWriteError.self) { try readOnly.read(layer: 0, row: 0) }
    }
}
