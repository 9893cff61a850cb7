import AnnData
import Coordinator
import Foundation
import HDF5
import Testing

@Suite("Writing simulated screens")
struct SimulationJobTests {
    private let folder = SimulationFolder()

    private static var design: ScreenDesign {
        var design = ScreenDesign()
        design.perturbations = 20
        design.genes = 400
        design.cellsPerPerturbation = 60
        design.controlCells = 700
        design.depth = 700
        design.effects = 5
        design.batches = 3
        return design
    }

    @Test("any number of threads writes the same bytes, compressed or not")
    func sameBytes() throws {
        for gzip in [0, 3] {
            try SimulationJob.run(
                design: Self.design,
                output: folder.file("one"),
                threads: 1,
                gzipLevel: gzip,
                force: true
            )
            try SimulationJob.run(
                design: Self.design,
                output: folder.file("three"),
                threads: 3,
                gzipLevel: gzip,
                force: true
            )
            #expect(folder.bytes("one").count > 500_000 / (gzip == 0 ? 1 : 2))
            #expect(folder.bytes("one") == folder.bytes("three"))
        }
        #expect(folder.names == ["one", "three"])
    }

    @Test("the file holds the drawn counts and the truth")
    func contents() throws {
        var reports: [Int] = []
        let summary = try SimulationJob.run(
            design: Self.design,
            output: folder.file("s.h5ad"),
            threads: 2
        ) { done, total in
            #expect(total == 1900)
            reports.append(done)
        }
        #expect(reports.last == 1900)
        #expect(reports == reports.sorted())
        let truth = ScreenTruth(Self.design)
        var cells = SimulatedCells()
        ScreenSimulator(truth).draw(0..<1900, into: &cells)
        #expect(summary.cells == 1900)
        #expect(summary.nonzeros == cells.values.count)

        let root = try HDF5File(opening: folder.file("s.h5ad")).root
        #expect(try root.dataset("X/data").readAll(Float.self) == cells.values)
        #expect(try root.dataset("X/indices").readAll(Int32.self) == cells.genes)
        let ends = try root.dataset("X/indptr").readAll(Int.self)
        #expect(zip(ends.dropFirst(), ends).map { Int32($0 - $1) } == cells.nonzeroCounts)
        #expect(try root.dataset("obs/perturbation/codes").readAll(Int32.self) == truth.groups)
        let categories = try root.dataset("obs/perturbation/categories").readTexts().values
        #expect(categories == truth.groupNames)
        #expect(
            try root.dataset("obs/batch/categories").readTexts().values
                == ["batch1", "batch2", "batch3"]
        )
        #expect(try root.dataset("obs/size_factor").readAll(Double.self) == truth.sizeFactors)
        #expect(try root.dataset("var/mean").readAll(Double.self) == truth.means)
        #expect(try root.dataset("var/dispersion").readAll(Double.self) == truth.dispersions)
        #expect(
            try root.dataset("varm/batch_log_fold_change").readAll(Double.self)
                == truth.batchEffects
        )
        #expect(try root.dataset("uns/simulation/seed").readTexts().values == ["1"])
        #expect(try root.dataset("uns/simulation/depth").readAll(Double.self) == [700])
    }

    @Test("the table of effects names perturbation, gene and fold change")
    func effects() throws {
        try SimulationJob.run(design: Self.design, output: folder.file("s.h5ad"), threads: 2)
        let table = try HDF5File(opening: folder.file("s.h5ad")).root.group("uns/truth")
        let perturbations = try table.dataset("perturbation").readTexts().values
        let genes = try table.dataset("gene").readTexts().values
        let changes = try table.dataset("log2_fold_change").readAll(Double.self)
        #expect(perturbations.count == 120)
        let truth = ScreenTruth(Self.design)
        let expected = zip(truth.targets, truth.effects).flatMap { target, effects in
            effects.map { (truth.geneNames[target], truth.geneNames[$0.gene], $0.log2FoldChange) }
        }
        #expect(perturbations == expected.map { $0.0 })
        #expect(genes == expected.map { $0.1 })
        #expect(changes == expected.map { $0.2 })
        let own = zip(perturbations, zip(genes, changes)).filter { $0.0 == $0.1.0 }
        #expect(own.count == 20)
        #expect(own.allSatisfy { $0.1.1 == -2 })
    }

    @Test("an existing file stays unless it may be replaced")
    func existingFile() throws {
        try Data("old".utf8).write(to: URL(fileURLWithPath: folder.file("s.h5ad")))
        let error = #expect(throws: RunFailure.self) {
            try SimulationJob.run(design: Self.design, output: folder.file("s.h5ad"), threads: 1)
        }
        #expect(error?.status == .cannotCreate)
        #expect(folder.bytes("s.h5ad") == Data("old".utf8))
        try SimulationJob.run(
            design: Self.design,
            output: folder.file("s.h5ad"),
            threads: 1,
            force: true
        )
        #expect(folder.bytes("s.h5ad").count > 1000)
        #expect(folder.names == ["s.h5ad"])
    }

    @Test("failures carry the exit status of their kind and leave nothing")
    func failures() {
        var error = #expect(throws: RunFailure.self) {
            try SimulationJob.run(design: Self.design, output: folder.file("no/s"), threads: 1)
        }
        #expect(error?.status == .cannotCreate)
        var impossible = Self.design
        impossible.genes = 3
        error = #expect(throws: RunFailure.self) {
            try SimulationJob.run(design: impossible, output: folder.file("s"), threads: 1)
        }
        #expect(error?.status == .usage)
        error = #expect(throws: RunFailure.self) {
            try SimulationJob.run(
                design: Self.design,
                output: folder.file("s"),
                threads: 1,
                gzipLevel: 10
            )
        }
        #expect(error?.status == .usage)
        #expect(folder.names.isEmpty)
    }
}
